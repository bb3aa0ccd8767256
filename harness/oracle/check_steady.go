package oracle

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/history"
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
// recovery to the end.
func (r *Reading) quiet(caller string) []window {
	out := []window{{r.Began, r.first()}}
	if over, ok := r.allOver(); ok {
		if o := r.recovered(caller, over.At); o != nil {
			out = append(out, window{r.late(o.Complete.At), r.Ended})
		}
	}
	return out
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
		case !o.Accepted():
			t.find(Finding{What: fmt.Sprintf("%s was answered %d though nothing was broken", o.order(), o.Status()), Events: points(o.Request, o.last())})
		case len(o.Attempts) > 1:
			t.find(Finding{What: fmt.Sprintf("%s took %d attempts though nothing was broken", o.order(), len(o.Attempts)), Events: points(o.Request, o.Attempts[1].Request)})
		}
	}
	for _, s := range r.Said {
		if s.Line.Service == caller && s.Line.Part == history.Sidecar && within(s.Line.At) && s.Kind != saidRecovered {
			t.find(Finding{What: caller + "'s sidecar acted though nothing was broken", Got: clip(message(s.Line.Text)), Events: points(s.Line)})
		}
	}
}
