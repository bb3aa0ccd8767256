package env

import (
	"context"
	"slices"

	"github.com/halfopen/halfopen/harness/history"
)

// loadedMetric is the one proof of a loaded resource: the log line "Loading" and /v1.0/metadata name failed ones too.
const loadedMetric = "dapr_resiliency_loaded"

// provePolicies records which Resiliency resources a service's sidecar proves to have loaded, and which of the
// expected ones it doesn't.
func (c *cluster) provePolicies(ctx context.Context, service string) error {
	var figures []Figure
	never := func() error { return nil }
	err := until(ctx, service+"/sidecar's metrics", 0, never, func(ctx context.Context) (err error) {
		figures, err = c.figures(ctx, service, loadedMetric)
		return err
	})
	if err != nil {
		return err
	}
	var loaded []string
	for _, f := range figures {
		if name := f.Labels["name"]; name != "" && f.Value != 0 {
			loaded = append(loaded, name)
			c.policy(service, name, "loaded")
		}
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
