package oracle

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/scenario"
)

// waitsBounded: by default Dapr has no timeout, so what hangs, hangs for ever. In a run it hangs until the fault is
// healed, which hides just that.
//
// https://docs.dapr.io/operations/resiliency/policies/timeouts/
var waitsBounded = Check{
	Name: "waits-bounded",
	Doc:  "no attempt waits until the fault is healed: a timeout ends it before",
	Run: func(r *Reading) Result {
		var t tally
		inPlay := false
		for _, f := range r.Faults {
			if !silent(f.Kind) || f.Applied == nil {
				continue
			}
			inPlay = true
			until := r.Ended
			if f.Healing != nil {
				until = f.Healing.At
			}
			for _, o := range r.Operations {
				t.waits(r, f, o, until)
			}
		}
		if !inPlay {
			return notHere("no fault makes anybody wait for an answer")
		}
		if t.examined == 0 {
			return notHere("no attempt met the fault")
		}
		return t.result()
	},
}

// silent tells whether a fault of a kind takes requests and answers nothing.
func silent(kind string) bool {
	return kind == scenario.Cut || kind == scenario.Hang || kind == scenario.Pause
}

// waits finds attempts that began before a fault was healed and ended only by that.
func (t *tally) waits(r *Reading, f *Fault, o *Operation, until time.Duration) {
	for i, x := range o.Attempts {
		end, ended := x.End()
		if x.Start() >= until || (ended && end < f.Applied.At) {
			continue
		}
		t.examined++
		waited := until - x.Start()
		if (ended && end < until-r.Slack.Lower) || o.Policies.Timeout != nil || r.keptAlive(f, x, waited) {
			continue // another check judges whether the timeout was kept
		}
		if !ended && f.Healing == nil {
			t.doubt("attempt %d of %s still waited when the run ended, and the fault was not healed by then", i+1, o.order())
			continue
		}
		t.find(Finding{
			What: fmt.Sprintf("attempt %d of %s waited %s, until %s was healed: no timeout of the spec would ever have ended it", i+1, o.order(), short(waited), f.Name),
			Want: "a timeout for calls of " + o.Target, Got: "none", Events: points(x.Request, x.last()),
		})
	}
}
