package oracle

import "fmt"

// heardHalfOpen counts what reaches the target's app while the breaker is told to be half-open.
var heardHalfOpen = eachSpell(HearingCheck{
	Name: halfOpenAdmissions.Name,
	Doc:  "while the breaker is told to be half-open, at most maxRequests attempts reach the target's app",
}, halfOpen, "what reaches the target", func(t *tally, h *Hearing, p spell) bool {
	t.examined++
	got := h.between(p.from-hearingSlack, p.to)
	if most := h.own().Breaker.MaxRequests; len(got) > most {
		t.find(Finding{
			What: fmt.Sprintf("%d attempts reached %s in one half-open period", len(got), h.Target),
			Want: fmt.Sprintf("at most %d", most), Got: fmt.Sprint(len(got)), Events: points(p.by.Line, got[most].got),
		})
	}
	return true
})
