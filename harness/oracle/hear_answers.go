package oracle

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// heardAnswers: what a refusal says is held against what the breaker was told to be, an app's own status against
// what the target's app says that it answered.
var heardAnswers = HearingCheck{
	Name: callerTold.Name,
	Doc:  callerTold.Doc,
	Run: func(h *Hearing) Result {
		if r, none := h.needsApps("what callers are answered"); none {
			return r
		}
		var t tally
		for _, o := range h.Orders {
			if o.ended {
				t.examined++
				t.answer(h, o)
			}
		}
		return t.result()
	},
}

func (t *tally) answer(h *Hearing, o *told) {
	p, body := h.own(), o.answered.Error
	wrong := func(want, why string) {
		t.find(Finding{
			What: fmt.Sprintf("order %s was told %d, and %s", o.id(), o.answered.Status, why),
			Want: want, Got: clip(fmt.Sprintf("%d %s", o.answered.Status, body)), Events: points(o.answered),
		})
	}
	from, to := o.end-2*hearingSlack, o.end+2*hearingSlack
	switch {
	case o.passed():
	case !strings.Contains(body, "ERR_DIRECT_INVOKE"):
		if !slices.ContainsFunc(o.receipts, func(r *receipt) bool { return r.status == o.answered.Status }) {
			wrong("Dapr's error", h.Target+" answered no such status")
		}
	case o.answered.Status != http.StatusInternalServerError:
		wrong("500", "it is Dapr's own error")
	case strings.Contains(body, refusedOpen):
		switch {
		case p.Breaker == nil:
			wrong("an attempt", "no breaker is in force")
		case h.voice() != nil && !h.during(open, from, to):
			wrong("an attempt", "no line tells that the breaker was open")
		}
	case strings.Contains(body, refusedCrowd):
		switch {
		case p.Breaker == nil:
			wrong("an attempt", "no breaker is in force")
		case h.voice() != nil && !h.during(halfOpen, from, to):
			wrong("an attempt", "no line tells that the breaker was half-open")
		}
	case strings.Contains(body, "context deadline exceeded"):
		if p.Timeout == nil {
			wrong("the app's answer", "no timeout policy is in force")
		}
	case h.seen(o.start, o.end):
		wrong("the app's own answer", h.Target+" could be reached all the time")
	}
}
