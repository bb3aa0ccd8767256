package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/scenario"
)

// steadyState: outside the outage nothing happens, in evidence and in testimony.
var steadyState = Check{
	Name: "steady-state",
	Doc:  "before the first fault and after recovery every order passes at once: no failure, no retry, no transition",
	Run: func(r *Reading) Result {
		if !r.Loaded {
			return notHere("the load was never started")
		}
		var t tally
		for _, c := range r.Plan.Scenario.Callers() {
			for _, w := range r.quiet(c.Name) {
				t.steady(r, c.Name, w)
			}
		}
		return t.result()
	},
}

// quiet are the times in which nothing may happen to a caller: from the load to the first fault, and from its
// recovery, when all its breakers are closed again and nothing is on its way from before, to the end.
func (r *Reading) quiet(caller string) []window {
	out := []window{{r.Began, r.first() - 1}} // what happens at the very moment may be its effect
	over, ok := r.allOver()
	if !ok {
		return out
	}
	o := r.recovered(caller, over.At)
	if o == nil {
		return out
	}
	from := r.lastOf(caller, o.Complete.At)
	for _, b := range r.Breakers {
		if b.Caller != caller {
			continue
		}
		if state, _ := b.at(from); state == closed {
			continue
		}
		i := slices.IndexFunc(b.Transitions, func(t Transition) bool { return t.At > from && t.To == closed })
		if i < 0 {
			return out
		}
		from = b.Transitions[i].At
	}
	return append(out, window{r.late(from) + 1, r.Ended})
}

// lastOf is when the last of a caller's attempts that were on their way at a moment was over, and the try that it was of.
func (r *Reading) lastOf(caller string, at time.Duration) time.Duration {
	last := at
	for i := range r.Plan.Links {
		l := &r.Plan.Links[i]
		if l.Hop != scenario.HopToPeer || l.From != caller {
			continue
		}
		for _, x := range r.on(l.Name).exchanges {
			if end, ended := x.End(); ended && x.Start() <= at {
				last = max(last, end)
			}
		}
	}
	for _, o := range r.Operations {
		for i, x := range o.Attempts {
			if o.Caller == caller && x.Start() <= at {
				last = max(last, o.Turns[i].cut)
			}
		}
	}
	return last
}

func (t *tally) steady(r *Reading, caller string, w window) {
	within := func(at time.Duration) bool { return at >= w.lo && at <= w.hi }
	for _, o := range r.Operations {
		end, ended := o.End()
		if o.Caller != caller || !within(o.Start()) || !ended || !within(end) {
			continue
		}
		t.examined++
		switch {
		case !o.Answered():
			t.find(Finding{What: fmt.Sprintf("%s was never answered though nothing was broken", o.order()), Events: points(o.Request, o.last())})
		case !o.Accepted():
			t.find(Finding{What: fmt.Sprintf("%s was answered %d though nothing was broken", o.order(), o.Status()), Events: points(o.Request, o.last())})
		case len(o.Attempts) > 1:
			t.find(Finding{What: fmt.Sprintf("%s took %d attempts though nothing was broken", o.order(), len(o.Attempts)), Events: points(o.Request, o.Attempts[1].Request)})
		}
	}
	i, _ := slices.BinarySearchFunc(r.Said, w.lo, func(s Said, at time.Duration) int { return cmp.Compare(s.Line.At, at) })
	for ; i < len(r.Said) && within(r.Said[i].Line.At); i++ {
		if s := r.Said[i]; s.Line.Service == caller && s.Kind != saidRecovered {
			t.find(Finding{What: caller + "'s sidecar acted though nothing was broken", Got: clip(message(s.Line.Text)), Events: points(s.Line)})
		}
	}
}
