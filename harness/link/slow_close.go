package link

import "github.com/halfopen/halfopen/harness/scenario"

// slowClose passes the end of a connection on only after a delay.
func (h *hop) slowClose(f scenario.Fault) (heal func() error, err error) {
	return h.add(f, "slow_close", map[string]any{"delay": f.Delay.Milliseconds()})
}
