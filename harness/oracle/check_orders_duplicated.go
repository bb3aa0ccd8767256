package oracle

import (
	"fmt"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// ordersDuplicated: with retries Dapr gives at-least-once. Each further delivery is excused by an attempt whose
// answer was lost on its way, and only by that.
var ordersDuplicated = Check{
	Name: "orders-duplicated",
	Doc:  "no order is delivered twice, but where the answer of an attempt was lost (at-least-once)",
	Run: func(r *Reading) Result {
		const nobody = -1
		sender := slices.Repeat([]int{nobody}, r.carried) // by what is carried: the sending
		lost := make([]int, r.sendings)                   // attempts that may have been delivered and whose answer did not get through
		for _, o := range r.Operations {
			if o.id == 0 && o.trace == 0 {
				continue // nobody can tell what it carries
			}
			k := o.sends
			sender[o.carries] = k
			if o.Accepted() && r.tornAt(o.Link.Name, o.Complete.At) {
				lost[k]++
			}
			for i, x := range o.Attempts {
				last := i == len(o.Attempts)-1
				if (!x.OK() && !r.undeliverable(o, x)) || (x.OK() && last && !o.Accepted()) || x.overdue() {
					lost[k]++
				}
			}
		}
		var t tally
		seen := make([]*Exchange, r.sendings)
		excused := 0
		for _, x := range r.Deliveries {
			k := sender[x.carries]
			if !x.delivered() || k == nobody {
				continue
			}
			t.examined++
			first := seen[k]
			switch {
			case first == nil:
				seen[k] = x
			case lost[k] > 0:
				lost[k]--
				excused++
			default:
				t.find(Finding{
					What: fmt.Sprintf("%s was delivered to %s twice, and no answer of an attempt was lost that would excuse it", named(x.ID), x.Link.To),
					Want: "one delivery", Events: points(first.Request, x.Request),
				})
			}
		}
		if t.examined == 0 && len(r.Operations) == 0 {
			return notHere("no order was sent")
		}
		result := t.result()
		if excused > 0 && result.Outcome == Pass {
			result.Why = fmt.Sprintf("%d deliveries were repeated because the answer was lost: retries give at-least-once", excused)
		}
		return result
	},
}

// tornAt tells whether a fault came onto a link just as an answer passed its tap: who asked may never have got it.
func (r *Reading) tornAt(link string, at time.Duration) bool {
	for _, f := range r.Faults {
		if f.Link == link && f.Injected != nil && f.Injected.At >= at-r.Slack.most() && f.Injected.At <= r.late(at) {
			return true
		}
	}
	return false
}

// undeliverable tells whether an attempt that failed can't have reached the app: it was refused at the link, or
// began and ended while the target's app or sidecar was gone.
func (r *Reading) undeliverable(o *Operation, x *Exchange) bool {
	end, ended := x.End()
	if !ended {
		return false
	}
	if x.Hidden() || x.barred {
		return true
	}
	for _, part := range []string{history.App, history.Sidecar} {
		if r.absent(o.Target, part, x.Start(), end) {
			return true
		}
	}
	return false
}
