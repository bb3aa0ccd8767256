package env

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// sentMetric counts every attempt of daprd, whether it crosses the network or not. Only so are those seen that fail
// within daprd, between two dials of its own.
var sentMetric = regexp.MustCompile(`^(dapr_runtime_service_invocation_req_sent_total)\{([^}]*)\} ([0-9.e+]+)`)

var targetLabel = regexp.MustCompile(`(?:^|,)dst_app_id="([^"]*)"`)

// countPause lies between two readings. It is how exactly an attempt's time is known that no tap has seen.
const countPause = 50 * time.Millisecond

// count reads a sidecar's counter of attempts again and again until ctx ends, and records each change: that it
// happened after the reading before (after_ns), and not after this one.
func (c *cluster) count(ctx context.Context, service string) {
	place := c.places[service]
	url := "http://" + net.JoinHostPort(place.Host, strconv.Itoa(place.Metrics)) + "/metrics"
	rec := c.cfg.Record
	seen := map[string]string{}
	after := rec.Now()
	for ctx.Err() == nil {
		asked := rec.Now()
		status, body, err := c.host.Links().Probe(ctx, url)
		if err == nil && status == http.StatusOK {
			for target, value := range Sent(body) {
				if seen[target] == value {
					continue
				}
				seen[target] = value
				rec.Record(history.Event{
					Source: history.Runner, Kind: history.KindCount, Service: service, Part: history.Sidecar,
					ID: "dapr_runtime_service_invocation_req_sent_total", Text: value,
					Attrs: map[string]string{"dst_app_id": target, "after_ns": strconv.FormatInt(int64(after), 10)},
				})
			}
			after = asked
		}
		select {
		case <-ctx.Done():
		case <-time.After(countPause):
		}
	}
}

// Sent reads how many attempts a sidecar counts, by the app that it calls.
func Sent(metrics []byte) map[string]string {
	out := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := sentMetric.FindSubmatch(lines.Bytes())
		if m == nil {
			continue
		}
		if target := targetLabel.FindSubmatch(m[2]); target != nil {
			out[string(target[1])] = string(m[3])
		}
	}
	return out
}
