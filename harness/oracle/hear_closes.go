package oracle

import "fmt"

// heardCloses: half-open ends with maxRequests successes or one failure. A probe that fails inside the sidecar is
// not seen by the target's app, so only what it did see can contradict.
var heardCloses = eachSpell(HearingCheck{
	Name: breakerCloses.Name,
	Doc:  "half-open is told to end as its probes did: closed after maxRequests successes, open after a failure",
}, halfOpen, "how probes ended", func(t *tally, h *Hearing, p spell) bool {
	if p.end == nil {
		return false
	}
	got := h.between(p.from-hearingSlack, p.to)
	good := 0
	for _, r := range got {
		if r.ok() && r.over.At <= p.to+hearingSlack {
			good++
		}
	}
	most := h.own().Breaker.MaxRequests
	f := Finding{Got: fmt.Sprintf("%d successes of %d attempts", good, len(got)), Events: points(p.by.Line, p.end.Line)}
	switch {
	case p.end.To == closed:
		t.examined++
		if good < most {
			f.What, f.Want = "the breaker was told to close before its probes had succeeded", fmt.Sprintf("%d successes", most)
			t.find(f)
		}
	case len(got) > 0:
		t.examined++
		if good >= most {
			f.What, f.Want = "the breaker was told to open again though its probes had succeeded", "closed"
			t.find(f)
		}
	}
	return true
})
