package link

import "github.com/halfopen/halfopen/harness/scenario"

// bandwidth lets so many kilobytes a second pass in a direction.
func (h *hop) bandwidth(f scenario.Fault) (heal func() error, err error) {
	return h.add(f, "bandwidth", map[string]any{"rate": f.Rate})
}
