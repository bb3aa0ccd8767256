package oracle

import "fmt"

// breakerCloses: as many consecutive successes as half-open admits close it; one failure opens it again.
var breakerCloses = Check{
	Name: "breaker-closes",
	Doc:  "half-open ends as its probes do: closed after maxRequests successes, open again after one failure",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		t.testimony(b)
		for _, tr := range b.Transitions {
			if tr.From == halfOpen {
				t.examined++
			}
		}
		for _, d := range b.Deviations {
			switch {
			case d.kind == missed && d.t.From == halfOpen:
				t.examined++
				t.deviates(b, b.due(d, fmt.Sprintf("the probe was %s, and the breaker did not go from %s", d.t.By.outcome(), d.t)))
			case (d.kind == unfounded || d.kind == idle) && possible(d.said) && d.said.From == halfOpen:
				t.deviates(b, Finding{
					What: fmt.Sprintf("%s's sidecar took breaker %s from %s to %s where no probe ended so", b.Caller, b.Name(), d.said.From, d.said.To),
					Got:  clip(message(d.said.Line.Text)), Events: points(d.said.Line),
				})
			}
		}
	}),
}
