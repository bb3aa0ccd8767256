package link

import "github.com/halfopen/halfopen/harness/scenario"

// limit closes a connection once so many bytes have crossed it in a direction. Toxiproxy counts from the beginning of
// each connection, also of those that are open already when the toxic comes: these are closed, so that every request
// meets the same limit.
func (h *hop) limit(f scenario.Fault) (heal func() error, err error) {
	if h.inside {
		return h.tap.limit(f), nil
	}
	heal, err = h.add(f, "limit_data", map[string]any{"bytes": f.Bytes})
	if err == nil {
		h.tap.resetAll("reset")
	}
	return heal, err
}

// A limiter is a limit that the tap keeps itself, where Toxiproxy's toxic would leave a goroutine behind.
type limiter struct {
	bytes    int64
	up, down bool
}

func (t *tap) limit(f scenario.Fault) (heal func() error) {
	l := &limiter{bytes: f.Bytes, up: f.Direction != "response", down: f.Direction != "request"}
	t.limits.add(l)
	t.resetAll("reset")
	return func() error {
		t.limits.remove(l)
		return nil
	}
}

// left is how many bytes may still cross in a direction after so many have; −1 for any number.
func (t *tap) left(up bool, crossed int64) int64 {
	least := int64(-1)
	for _, l := range t.limits.all() {
		if up && !l.up || !up && !l.down {
			continue
		}
		if left := max(0, l.bytes-crossed); least < 0 || left < least {
			least = left
		}
	}
	return least
}
