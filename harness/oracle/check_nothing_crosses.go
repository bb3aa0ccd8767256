package oracle

import "fmt"

// breakerOpen: a refusal costs nothing; what crosses the link was not refused.
var breakerOpen = Check{
	Name: "nothing-crosses-while-open",
	Doc:  "while the breaker is open, no attempt reaches the link",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		for _, tr := range b.Transitions {
			if tr.To == open {
				t.examined++
			}
		}
		for _, d := range b.Deviations {
			if d.kind != crossed {
				continue
			}
			var events []Event
			if d.t.By != nil {
				events = points(d.t.By.last())
			}
			t.deviates(b, Finding{
				What: fmt.Sprintf("%s reached %s %s after the breaker %s opened: it must stay open for %s", named(d.x.ID), d.x.Link.Name, since(d.t.At, d.x.Start()), b.Name(), b.Policy.Timeout),
				Want: "nothing before " + short(d.t.At+b.Policy.Timeout), Got: "an attempt at " + short(d.x.Start()),
				Events: append(events, point(d.x.Request)),
			})
		}
	}),
}
