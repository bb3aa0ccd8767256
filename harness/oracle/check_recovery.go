package oracle

import (
	"fmt"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// recovery: the bound is the spec's, from the moment when the target was ready again.
var recovery = Check{
	Name: "recovery",
	Doc:  "after the target is ready, each caller's next order is accepted within the time that the spec implies",
	Run: func(r *Reading) Result {
		if len(r.Faults) == 0 {
			return notHere("no fault was injected")
		}
		var t tally
		if _, ok := r.allOver(); !ok {
			t.doubt("a fault was not healed before the run ended")
		}
		for _, q := range r.respites() {
			for _, c := range r.Plan.Scenario.Callers() {
				t.recovers(r, c, q)
			}
		}
		return t.result()
	},
}

// A respite is a time in which nothing is broken, behind a fault.
type respite struct {
	over *history.Event // the target was ready again
	till time.Duration  // the next fault's injection, or the run's end
	last bool           // it is the run's end
}

// respites are all of a run, by their faults. What overlaps has one.
func (r *Reading) respites() []respite {
	var out []respite
	for _, f := range r.Faults {
		over, ok := r.Over(f)
		if !ok || slices.ContainsFunc(r.Faults, func(other *Fault) bool { return r.inForce(other, over.At) }) ||
			slices.ContainsFunc(out, func(q respite) bool { return q.over.At == over.At }) {
			continue
		}
		q := respite{over, r.Ended, true}
		for _, next := range r.Faults {
			if next.Injected != nil && next.Injected.At > over.At && next.Injected.At <= q.till {
				q.till, q.last = next.Injected.At, false
			}
		}
		out = append(out, q)
	}
	return out
}

// inForce tells whether a fault was injected by a moment, and its target not ready again.
func (r *Reading) inForce(f *Fault, at time.Duration) bool {
	over, ok := r.Over(f)
	return f.Injected != nil && f.Injected.At <= at && (!ok || over.At > at)
}

// allOver is when the last fault's target was ready again.
func (r *Reading) allOver() (at *history.Event, ok bool) {
	for _, f := range r.Faults {
		e, over := r.Over(f)
		if !over {
			return e, false
		}
		if !ok || e.At > at.At {
			at, ok = e, true
		}
	}
	return at, ok
}

// recovered is a caller's first order that was accepted after a moment.
func (r *Reading) recovered(caller string, after time.Duration) *Operation {
	var first *Operation
	for _, o := range r.Operations {
		if o.Caller == caller && o.Accepted() && !o.Probe() && o.Complete.At > after && (first == nil || o.Complete.At < first.Complete.At) {
			first = o
		}
	}
	return first
}

func (t *tally) recovers(r *Reading, c scenario.Service, q respite) {
	bound, bounded := r.Spec.For(c.Name, c.Sends.To).RecoveryBound(c.Sends.Every, c.Sends.Timeout)
	if !bounded {
		return
	}
	over := q.over
	o := r.recovered(c.Name, over.At)
	if o != nil && o.through() > q.till {
		o = nil
	}
	latest := over.At + bound + r.busy(c, over.At, o)
	due := r.late(latest) + r.delay(c.Name+"->sidecar", r.Ended)
	if !q.last && q.till <= due {
		return // broken again before it had to
	}
	t.examined++
	switch {
	case o == nil && r.Ended <= due:
		t.doubt("the run ended %s after %s, before %s had to recover", since(over.At, r.Ended), describe(over), c.Name)
	case o == nil:
		t.late(r, Finding{
			What: fmt.Sprintf("%s had no order accepted within %s after %s", c.Name, since(over.At, q.till), describe(over)) + r.uncrossed(c, over.At, q.till, nil),
			Want: "within " + short(bound), Got: "none", Cause: r.redialled(c, over.At, q.till, nil).cause(), Events: points(over),
		}, q.till, latest, bound)
	case o.Complete.At > due:
		t.late(r, Finding{
			What: fmt.Sprintf("%s recovered %s after %s; the spec implies at most %s", c.Name, since(over.At, o.Complete.At), describe(over), short(bound)) + r.uncrossed(c, over.At, o.Complete.At, o),
			Want: "within " + short(bound), Got: since(over.At, o.Complete.At), Cause: r.redialled(c, over.At, o.Complete.At, o).cause(), Events: points(over, o.Complete),
		}, o.Complete.At, latest, bound)
	default:
		t.excused(r, o.Complete.At, latest, bound)
	}
}

// through is when the attempt began that got an operation its answer.
func (o *Operation) through() time.Duration {
	if n := len(o.Attempts); n > 0 {
		return o.Attempts[n-1].Start()
	}
	return o.Start()
}

// busy is how much of a recovery is the target's own time or the caller's, which the spec does not bound: the rest of
// attempts that were on their way when it was ready again, that of operations whose caller's own patience ended them
// before their next retry, and the attempt that got through.
func (r *Reading) busy(c scenario.Service, over time.Duration, o *Operation) time.Duration {
	var rest time.Duration
	xs := r.on(c.Name + "->" + c.Sends.To).exchanges
	for _, x := range xs[from(xs, over):] {
		if x.Start() > over {
			break
		}
		if end, ended := x.End(); ended {
			rest = max(rest, end-over)
		}
	}
	for _, other := range r.Operations {
		if end, ended := other.End(); ended && other.Caller == c.Name && other.gaveUp() && other.Start() <= over {
			rest = max(rest, end-over)
		}
	}
	if o != nil && len(o.Attempts) > 0 {
		if end, ended := o.Attempts[len(o.Attempts)-1].End(); ended {
			rest += end - o.Attempts[len(o.Attempts)-1].Start()
		}
	}
	return rest
}

// uncrossed says how many attempts or probes of a caller were told of, between readiness and its recovery (nil where it
// did not until then), that never crossed the link: they failed inside its sidecar.
func (r *Reading) uncrossed(c scenario.Service, over, till time.Duration, o *Operation) string {
	if n := r.hiddenAttempts(c, over, till); n > 0 {
		return fmt.Sprintf("; meanwhile its sidecar counted %s that never crossed the link, %s", attempts(n), r.redialled(c, over, till, o))
	}
	if n := r.uncrossedProbes(c.Name, over, till); n > 0 {
		return fmt.Sprintf("; meanwhile its sidecar told of %d probes that never crossed the link", n)
	}
	return ""
}

// hiddenAttempts counts a caller's attempts within a time that only its sidecar's counter tells of.
func (r *Reading) hiddenAttempts(c scenario.Service, from, to time.Duration) (n int) {
	for _, x := range r.on(toPeer(c)).exchanges {
		if x.Hidden() && x.Start() >= from && x.Start() <= to {
			n++
		}
	}
	return n
}

// toPeer is the link on which a caller's sidecar calls its target's.
func toPeer(c scenario.Service) string { return c.Name + "->" + c.Sends.To }

func (r *Reading) uncrossedProbes(caller string, from, to time.Duration) (n int) {
	for _, b := range r.Breakers {
		for _, d := range b.Deviations {
			if b.Caller == caller && d.said != nil && d.said.To == halfOpen && d.said.Line.At >= from && d.said.Line.At <= to {
				n++
			}
		}
	}
	return n
}
