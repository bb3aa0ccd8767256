package link

import "github.com/halfopen/halfopen/harness/scenario"

// latency delays each chunk of a direction by Delay, plus or minus Jitter; with both directions a round trip
// takes twice the delay.
func (h *hop) latency(f scenario.Fault) (heal func() error, err error) {
	return h.add(f, "latency", map[string]any{
		"latency": f.Delay.Milliseconds(),
		"jitter":  f.Jitter.Milliseconds(),
	})
}
