package oracle

import "fmt"

// heardOpen: attempts that were on their way when the breaker opened may still arrive.
var heardOpen = eachSpell(HearingCheck{
	Name: breakerOpen.Name,
	Doc:  "while the breaker is told to be open, no attempt reaches the target's app",
}, open, "what reaches the target", func(t *tally, h *Hearing, p spell) bool {
	t.examined++
	for _, r := range h.between(p.from+hearingSlack, p.to-hearingSlack) {
		t.find(Finding{
			What: fmt.Sprintf("order %s reached %s %s after the breaker was told to be open", r.got.ID, h.Target, short(r.got.At-p.from)),
			Want: "nothing", Events: points(p.by.Line, r.got),
		})
	}
	return true
})
