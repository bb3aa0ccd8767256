package link

// refuse resets whoever is connected or connects, until healed. The tap itself does it and keeps listening, so
// that refused attempts are evidence; a disabled Toxiproxy proxy would leave none.
func (h *hop) refuse() (heal func() error) {
	h.tap.refusing.Add(1)
	h.tap.resetAll("reset")
	return func() error {
		h.tap.refusing.Add(-1)
		return nil
	}
}
