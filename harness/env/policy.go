package env

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/halfopen/halfopen/harness/history"
)

// loadedMetric is the one proof of a loaded resource: the log line "Loading" and /v1.0/metadata name failed ones too.
var loadedMetric = regexp.MustCompile(`^dapr_resiliency_loaded\{([^}]*)\} ([0-9.e+]+)`)

var nameLabel = regexp.MustCompile(`(?:^|,)name="((?:[^"\\]|\\.)*)"`)

// provePolicies records which Resiliency resources a service's sidecar proves to have loaded, and which of the
// expected ones it doesn't.
func (c *cluster) provePolicies(ctx context.Context, service string) error {
	place := c.places[service]
	url := "http://" + net.JoinHostPort(place.Host, strconv.Itoa(place.Metrics)) + "/metrics"
	var body []byte
	never := func() error { return nil }
	err := until(ctx, service+"/sidecar's metrics", 0, never, func(ctx context.Context) error {
		status, b, err := c.host.Links().Probe(ctx, url)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s answers %d", url, status)
		}
		body = b
		return err
	})
	if err != nil {
		return err
	}
	loaded := Loaded(body)
	for _, name := range loaded {
		c.policy(service, name, "loaded")
	}
	for _, name := range c.cfg.SpecNames {
		if !slices.Contains(loaded, name) {
			c.policy(service, name, "missing")
		}
	}
	return nil
}

func (c *cluster) policy(service, name, text string) {
	c.cfg.Record.Record(history.Event{
		Source: history.Runner, Kind: history.KindPolicy, Service: service, Part: history.Sidecar, ID: name, Text: text,
	})
}

// Loaded reads the names of the loaded Resiliency resources out of a sidecar's metrics.
func Loaded(metrics []byte) []string {
	var names []string
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := loadedMetric.FindSubmatch(lines.Bytes())
		if m == nil || string(m[2]) == "0" {
			continue
		}
		if name := nameLabel.FindSubmatch(m[1]); name != nil {
			names = append(names, string(name[1]))
		}
	}
	return names
}
