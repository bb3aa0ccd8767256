package oracle

import "fmt"

// halfOpenAdmissions: half-open admits maxRequests in total; a finished one frees no slot.
var halfOpenAdmissions = Check{
	Name: "half-open-admissions",
	Doc:  "half-open lets through as many requests as maxRequests says, in total",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		for _, tr := range b.Transitions {
			if tr.To == halfOpen {
				t.examined++
			}
		}
		for _, d := range b.Deviations {
			if d.kind == crowded {
				t.deviates(b, Finding{
					What: fmt.Sprintf("%s reached %s while the half-open breaker %s had let %d through already", named(d.x.ID), d.x.Link.Name, b.Name(), b.Policy.MaxRequests),
					Want: fmt.Sprintf("at most %d", b.Policy.MaxRequests), Events: points(d.x.Request),
				})
			}
		}
	}),
}
