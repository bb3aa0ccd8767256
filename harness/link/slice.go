package link

import "github.com/halfopen/halfopen/harness/scenario"

// slice passes what comes in pieces of so many bytes, with a pause between two of them.
func (h *hop) slice(f scenario.Fault) (heal func() error, err error) {
	return h.add(f, "slicer", map[string]any{
		"average_size":   f.Bytes,
		"size_variation": f.Bytes / 2,
		"delay":          f.Delay.Microseconds(),
	})
}
