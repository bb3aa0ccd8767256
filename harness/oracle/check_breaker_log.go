package oracle

import (
	"fmt"
	"slices"
)

// breakerLog: a sidecar tells each change of state of a breaker, and none that did not happen.
var breakerLog = Check{
	Name: "breaker-log",
	Doc:  "each transition that happened is told by a line when it happened, and no other is told",
	Run: func(r *Reading) Result {
		var t tally
		transitions := 0
		for _, b := range r.Breakers {
			transitions += len(b.Transitions)
			t.lines(b)
		}
		for _, s := range r.Strange {
			t.examined++
			t.find(Finding{
				What: fmt.Sprintf("%s's sidecar tells of breaker %s, and no call of %s has such a one", s.Line.Service, s.Breaker, s.Line.Service),
				Got:  clip(message(s.Line.Text)), Events: points(s.Line),
			})
		}
		switch {
		case len(r.Breakers) == 0 && t.examined == 0:
			return notHere("no call has a breaker")
		case transitions == 0 && t.examined == 0:
			return notHere("no breaker left its closed state")
		}
		return t.result()
	},
}

// lines holds the lines about a breaker against what it did.
func (t *tally) lines(b *Breaker) {
	t.examined += len(b.Transitions)
	t.testimony(b)
	for _, d := range b.Deviations {
		switch {
		case d.kind == untold:
			t.deviates(b, b.due(d, fmt.Sprintf("it went from %s, as the evidence shows, and its sidecar did not say so then", d.t)))
		case (d.kind == unfounded || d.kind == idle) && d.said.From == open && possible(d.said):
			t.examined++
			t.deviates(b, Finding{
				What: fmt.Sprintf("%s's sidecar told a half-open period of breaker %s, and no probe crossed the link", b.Caller, b.Name()),
				Got:  clip(message(d.said.Line.Text)), Events: points(d.said.Line),
			})
		case d.kind == idle && !possible(d.said):
			t.examined++
			t.deviates(b, Finding{
				What: fmt.Sprintf("%s's sidecar told a change of breaker %s that no breaker makes", b.Caller, b.Name()),
				Got:  clip(message(d.said.Line.Text)), Events: points(d.said.Line),
			})
		}
	}
}

// possible tells whether a line tells a change that breakers make.
func possible(s *Said) bool { return slices.Contains(changes[:], change{s.From, s.To}) }
