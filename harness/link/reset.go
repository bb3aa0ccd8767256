package link

import "github.com/halfopen/halfopen/harness/scenario"

// reset ends connections with a reset: those that are open at once, new ones after f.Delay. Toxiproxy resets only
// new ones.
func (h *hop) reset(f scenario.Fault) (heal func() error, err error) {
	if h.inside {
		h.tap.resets.add(&f)
		h.tap.resetAll("reset")
		return func() error {
			h.tap.resets.remove(&f)
			return nil
		}, nil
	}
	mend, err := h.add(f, "reset_peer", map[string]any{"timeout": f.Delay.Milliseconds()})
	if err != nil {
		return nil, err
	}
	h.tap.resetAll("reset")
	return func() error {
		err := mend()
		h.tap.resetAll("reset") // Toxiproxy keeps linger 0 on what it has touched
		return err
	}, nil
}
