package link

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/halfopen/halfopen/harness/scenario"
)

// A toxic is what Toxiproxy's own API takes.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Toxicity   float32        `json:"toxicity"`
	Attributes map[string]any `json:"attributes"`
}

// add puts one toxic a direction on the link; healing removes them again.
func (h *hop) add(f scenario.Fault, kind string, attributes map[string]any) (heal func() error, err error) {
	var names []string
	remove := func() error {
		var errs []error
		for _, name := range names {
			errs = append(errs, h.proxy.Toxics.RemoveToxic(context.Background(), name))
		}
		return errors.Join(errs...)
	}
	defer h.turn.take()()
	for _, stream := range streams(f.Direction) {
		t := toxic{Name: f.Name + "-" + stream, Type: kind, Stream: stream, Toxicity: 1, Attributes: attributes}
		body, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		if _, err := h.proxy.Toxics.AddToxicJson(bytes.NewReader(body)); err != nil {
			return nil, errors.Join(fmt.Errorf("add toxic %s: %w", t.Name, err), remove())
		}
		names = append(names, t.Name)
	}
	return func() error {
		defer h.turn.take()()
		return remove()
	}, nil
}

// streams are Toxiproxy's names for our directions.
func streams(direction string) []string {
	switch direction {
	case "request":
		return []string{"upstream"}
	case "response":
		return []string{"downstream"}
	}
	return []string{"upstream", "downstream"}
}
