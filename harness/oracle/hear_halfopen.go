package oracle

import (
	"fmt"
	"time"
)

// breakerApplies tells whether there is anything to judge of the caller's breaker by what apps tell.
func (h *Hearing) breakerApplies(what string) (Result, bool) {
	if h.own().Breaker == nil {
		return notHere("no breaker is in force"), false
	}
	if r, none := h.needsApps(what); none {
		return r, false
	}
	return Result{}, true
}

// between are the receipts of a time.
func (h *Hearing) between(from, to time.Duration) (out []*receipt) {
	for _, r := range h.Receipts {
		if from <= r.got.At && r.got.At <= to {
			out = append(out, r)
		}
	}
	return out
}

// heardOpen: attempts that were on their way when the breaker opened may still arrive.
var heardOpen = HearingCheck{
	Name: breakerOpen.Name,
	Doc:  "while the breaker is told to be open, no attempt reaches the target's app",
	Run: func(h *Hearing) Result {
		if r, ok := h.breakerApplies("what reaches the target"); !ok {
			return r
		}
		var t tally
		for _, p := range h.spells() {
			if p.state != open {
				continue
			}
			t.examined++
			for _, r := range h.between(p.from+hearingSlack, p.to-hearingSlack) {
				t.find(Finding{
					What: fmt.Sprintf("order %s reached %s %s after the breaker was told to be open", r.got.ID, h.Target, short(r.got.At-p.from)),
					Want: "nothing", Events: points(p.by.Line, r.got),
				})
			}
		}
		if t.examined == 0 {
			return notHere("the breaker is not told to have been open")
		}
		return t.result()
	},
}

// heardHalfOpen counts what reaches the target's app while the breaker is told to be half-open.
var heardHalfOpen = HearingCheck{
	Name: halfOpenAdmissions.Name,
	Doc:  "while the breaker is told to be half-open, at most maxRequests attempts reach the target's app",
	Run: func(h *Hearing) Result {
		if r, ok := h.breakerApplies("what reaches the target"); !ok {
			return r
		}
		var t tally
		for _, p := range h.spells() {
			if p.state != halfOpen {
				continue
			}
			t.examined++
			got := h.between(p.from-hearingSlack, p.to)
			if most := h.own().Breaker.MaxRequests; len(got) > most {
				t.find(Finding{
					What: fmt.Sprintf("%d attempts reached %s in one half-open period", len(got), h.Target),
					Want: fmt.Sprintf("at most %d", most), Got: fmt.Sprint(len(got)), Events: points(p.by.Line, got[most].got),
				})
			}
		}
		if t.examined == 0 {
			return notHere("the breaker is not told to have been half-open")
		}
		return t.result()
	},
}

// heardCloses: half-open ends with maxRequests successes or one failure. A probe that fails inside the sidecar is
// not seen by the target's app, so only what it did see can contradict.
var heardCloses = HearingCheck{
	Name: breakerCloses.Name,
	Doc:  "half-open is told to end as its probes did: closed after maxRequests successes, open after a failure",
	Run: func(h *Hearing) Result {
		if r, ok := h.breakerApplies("how probes ended"); !ok {
			return r
		}
		var t tally
		periods := 0
		for _, p := range h.spells() {
			if p.state != halfOpen || p.end == nil {
				continue
			}
			periods++
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
		}
		if periods == 0 {
			return notHere("the breaker is not told to have been half-open")
		}
		return t.result()
	},
}
