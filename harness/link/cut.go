package link

import "github.com/halfopen/halfopen/harness/scenario"

// cut swallows every byte and answers nothing, as a black hole does. Healing it closes the connections that
// were swallowed: what a client waits for on them will never come. Toxiproxy closes them too, but not always both ways
// at once, and one half closed would fail the next request that is sent on it, long after the healing.
func (h *hop) cut(f scenario.Fault) (heal func() error, err error) {
	mend, err := h.add(f, "timeout", map[string]any{"timeout": 0})
	if err != nil {
		return nil, err
	}
	return func() error {
		swallowed := h.tap.live()
		err := mend()
		for _, c := range swallowed {
			c.ended("tap", "cut")
			c.reset()
		}
		return err
	}, nil
}
