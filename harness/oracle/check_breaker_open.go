package oracle

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// breakerOpen: a refusal costs nothing; what crosses the link was not refused.
var breakerOpen = Check{
	Name: "nothing-crosses-while-open",
	Doc:  "while the breaker is open, no attempt reaches the link",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		for i, tr := range b.Transitions {
			if tr.To == open {
				t.examined++
			}
			for _, x := range b.Crossed {
				if tr.To != halfOpen || tr.By != x || i == 0 {
					continue
				}
				opened := b.Transitions[i-1]
				t.find(Finding{
					What: fmt.Sprintf("order %s reached %s %s after the breaker %s opened: it must stay open for %s", x.ID, x.Link.Name, since(opened.At, x.Start()), b.Name(), b.Policy.Timeout),
					Want: "nothing before " + short(opened.At+b.Policy.Timeout), Got: "an attempt at " + short(x.Start()),
					Events: points(opened.By.last(), x.Request),
				})
			}
		}
	}),
}

// openTime: half-open is lazy, it begins with the first request after the timeout. So a breaker that refuses
// somebody later than that has stayed open too long, unless a probe was on its way.
var openTime = Check{
	Name: "open-time",
	Doc:  "the breaker refuses until its timeout has gone by, and the first request after that is a probe",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		for i, tr := range b.Transitions {
			if tr.To == halfOpen && i > 0 {
				t.examined++
				if why := r.tooBusy(b.Policy.Timeout); why != "" && tr.At < r.late(b.Transitions[i-1].At+b.Policy.Timeout) {
					t.doubt("%s", why)
				}
			}
		}
		for _, o := range r.Operations {
			if r.breakerOf(o) != b || !o.refused() {
				continue
			}
			t.examined++
			at, _ := o.End()
			if r.mayRefuse(o, at, at) {
				continue
			}
			state, began, _ := b.at(r, at)
			t.find(Finding{
				What: fmt.Sprintf("%s was refused at %s, when the breaker %s was %s: no refusal is due", o.order(), short(at), b.Name(), r.since(state, began, at)),
				Want: "an attempt", Got: fmt.Sprintf("%d at once", o.Status()), Events: points(o.Request, o.last()),
			})
		}
	}),
}

func (r *Reading) since(state string, began, at time.Duration) string {
	if began == 0 {
		return state
	}
	return state + " for " + since(began, at)
}

// refused tells whether an operation was answered with an error of its own sidecar and without any attempt.
func (o *Operation) refused() bool {
	return o.Answered() && len(o.Attempts) == 0 && resiliency.Failed(o.Status())
}

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
		for _, x := range b.Crowded {
			t.find(Finding{
				What: fmt.Sprintf("order %s reached %s while the half-open breaker %s had let %d through already", x.ID, x.Link.Name, b.Name(), b.Policy.MaxRequests),
				Want: fmt.Sprintf("at most %d", b.Policy.MaxRequests), Events: points(x.Request),
			})
		}
	}),
}
