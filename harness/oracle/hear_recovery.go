package oracle

import (
	"fmt"
	"time"
)

// heardRecovery: nobody measured how late the machine was, so what is late by less than a second is not judged,
// unless a line tells that the sidecar did try in time, and failed though the target was there.
var heardRecovery = HearingCheck{
	Name: recovery.Name,
	Doc:  "after the target is ready, an order passes within the time that the spec implies",
	Run: func(h *Hearing) Result {
		if r, none := h.needsApps("when the target was ready again, and which orders passed"); none {
			return r
		}
		if len(h.healings) == 0 {
			return notHere("nothing was broken and healed")
		}
		bound, ok := h.own().RecoveryBound(h.every, 0)
		if !ok {
			return notHere("the spec gives no bound")
		}
		var t tally
		for _, g := range h.healings {
			t.heals(h, g, bound)
		}
		if t.examined == 0 && len(t.doubts) == 0 {
			return unknown("no time without a fault was as long as a recovery may take")
		}
		return t.result()
	},
}

func (t *tally) heals(h *Hearing, g healing, bound time.Duration) {
	ready := g.event.At
	first := h.firstPassed(ready)
	due := ready + bound + h.onTheWay(ready)
	if first != nil {
		due += h.work(first)
	}
	until := min(g.until, h.ended)
	if until < due && (first == nil || first.end > until) {
		return // broken again, or over, before it had to
	}
	t.examined++
	if first != nil && first.end <= due+2*hearingSlack {
		return
	}
	f := Finding{
		What: fmt.Sprintf("no order passed within %s after %s", short(until-ready), describeHealing(g)),
		Want: "within " + short(due-ready), Got: "none", Events: points(g.event),
	}
	over := until
	if first != nil {
		over = first.end
		f.What = fmt.Sprintf("the first order passed %s after %s; the spec implies at most %s", short(over-ready), describeHealing(g), short(due-ready))
		f.Got = short(over - ready)
		f.Events = points(g.event, first.answered)
	}
	vain := h.vain(ready, over)
	if len(vain) > 0 {
		f.What += fmt.Sprintf("; meanwhile its sidecar told of %d probes that failed and never reached %s", len(vain), h.Target)
		f.Events = append(f.Events, point(vain[0].Line))
	}
	if over > due+unmeasured || len(vain) > 0 {
		t.find(f)
		return
	}
	t.doubt("nobody measured how late the machine was (%s)", f.What)
}

func describeHealing(g healing) string {
	if g.event.Service == "" {
		return "the fault was healed"
	}
	return g.event.Service + " was ready again"
}

// firstPassed is the first order that passed after a moment.
func (h *Hearing) firstPassed(after time.Duration) *told {
	var first *told
	for _, o := range h.Orders {
		if o.passed() && o.end > after && (first == nil || o.end < first.end) {
			first = o
		}
	}
	return first
}

// work is how long the attempt took that got through: the target's own time, which the spec does not bound.
func (h *Hearing) work(o *told) time.Duration {
	if n := len(o.receipts); n > 0 {
		return o.receipts[n-1].over.At - o.receipts[n-1].got.At
	}
	return 0
}

// onTheWay is how much longer attempts took that had begun before a moment: they too are the target's own time.
func (h *Hearing) onTheWay(at time.Duration) (rest time.Duration) {
	for _, r := range h.Receipts {
		if r.got.At < at && r.ended && r.over.At > at {
			rest = max(rest, r.over.At-at)
		}
	}
	return rest
}

// vain are the probes told of that failed and that the target's app never got.
func (h *Hearing) vain(from, to time.Duration) (out []*Heard) {
	for _, p := range h.spells() {
		if p.state == halfOpen && p.end != nil && p.end.To == open && p.from > from+hearingSlack && p.to < to &&
			len(h.between(p.from-hearingSlack, p.to+hearingSlack)) == 0 {
			out = append(out, p.end)
		}
	}
	return out
}
