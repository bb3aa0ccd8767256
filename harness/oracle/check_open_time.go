package oracle

import (
	"fmt"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// openTime: half-open is lazy, it begins with the first request after the timeout. So a breaker that refuses
// somebody later than that has stayed open too long, unless a probe was on its way.
var openTime = Check{
	Name: "open-time",
	Doc:  "an open breaker refuses nobody for longer than its timeout: the first request after that is a probe",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		for _, tr := range b.Transitions {
			if tr.To == halfOpen && tr.By != nil {
				t.examined++
				t.onlyBySlack(r, b, tr)
			}
		}
		for _, o := range b.operations {
			if o.refused() {
				t.examined++
			}
		}
		for _, d := range b.Deviations {
			if d.kind != unrefused {
				continue
			}
			state, began := b.at(d.o.last().At)
			if began > 0 {
				state += " for " + since(began, d.o.last().At)
			}
			t.deviates(b, Finding{
				What: fmt.Sprintf("%s was refused at %s, when the breaker %s was %s: no refusal is due", d.o.order(), short(d.o.last().At), b.Name(), state),
				Want: "an attempt", Got: fmt.Sprintf("%d at once", d.o.Status()), Events: points(d.o.Request, d.o.last()),
			})
		}
	}),
}

// onlyBySlack doubts a probe that is not too early only because of how much the run may be off.
func (t *tally) onlyBySlack(r *Reading, b *Breaker, probe Transition) {
	_, opened := b.at(probe.At - 1)
	if why := r.Slack.tooBusy(b.Policy.Timeout); why != "" && probe.At == probe.By.Start() && probe.At < opened+b.Policy.Timeout {
		t.doubt("%s", why)
	}
}

// refused tells whether an operation was answered with an error of its own sidecar and without any attempt.
func (o *Operation) refused() bool {
	return o.Answered() && len(o.Attempts) == 0 && resiliency.Failed(o.Status())
}
