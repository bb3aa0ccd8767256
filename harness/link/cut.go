package link

import "github.com/halfopen/halfopen/harness/scenario"

// cut swallows every byte and answers nothing, as a black hole does. Healing it closes the connections that
// were swallowed: what a client waits for on them will never come.
func (h *hop) cut(f scenario.Fault) (heal func() error, err error) {
	return h.add(f, "timeout", map[string]any{"timeout": 0})
}
