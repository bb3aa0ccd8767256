package oracle

import (
	"fmt"

	"github.com/halfopen/halfopen/harness/history"
)

// causedByTimeline says of each step when it began and ended, of faults what they hit.
func (r *Reading) causedByTimeline() []Cause {
	began, done := map[int64]*history.Event{}, map[int64]*history.Event{}
	for i := range r.History.Events {
		e := &r.History.Events[i]
		if e.Kind != history.KindPhase || e.Attr("step") == "" {
			continue
		}
		switch e.Text {
		case history.PhaseStep:
			began[e.Int("step")] = e
		case history.PhaseStepDone:
			done[e.Int("step")] = e
		}
	}
	var out []Cause
	for i, s := range r.Plan.Scenario.Timeline {
		c := Cause{Scenario: true, Field: fmt.Sprintf("timeline[%d]", i), What: "never begun"}
		from, did := began[int64(i)]
		to, ended := done[int64(i)]
		switch {
		case s.Fault != nil && did:
			r.causedByFault(&c, s.Fault.Name)
		case did && !ended:
			c.What = fmt.Sprintf("begun at %s s, and not over when the run ended", seconds(from))
			c.Events = points(from)
		case did && s.Wait != nil:
			c.What = fmt.Sprintf("from %s to %s s: waited %s", seconds(from), seconds(to), since(from.At, to.At))
			if to.Attr("timed_out") == "true" {
				c.What += ", and gave up"
				c.Checks = []string{"waits-ended"}
			}
			c.Events = points(from, to)
		case did:
			c.What = fmt.Sprintf("done at %s s", seconds(to))
			c.Events = points(from)
			if s.Send != nil {
				r.causedBySend(&c, i)
			}
		}
		out = append(out, c)
	}
	return out
}

func seconds(e *history.Event) string { return fmt.Sprintf("%.3f", e.At.Seconds()) }

func (r *Reading) causedByFault(c *Cause, name string) {
	for _, f := range r.Faults {
		if f.Name != name || f.Injected == nil {
			continue
		}
		c.Checks = []string{"fault-effective", "fault-healed"}
		until := r.Ended
		c.What, c.Events = fmt.Sprintf("injected at %s s", seconds(f.Injected)), points(f.Injected)
		if f.Healed != nil {
			until = f.Healed.At
			c.What += fmt.Sprintf(", healed at %s s", seconds(f.Healed))
			c.Events = append(c.Events, point(f.Healed))
		}
		failed := 0
		for _, o := range r.Operations {
			for _, x := range o.Attempts {
				if x.Start() >= f.Injected.At && x.Start() <= until && x.Failed() {
					failed++
				}
			}
		}
		c.What += fmt.Sprintf("; %s failed meanwhile", plural(failed, "attempt", "attempts"))
	}
}

// causedBySend finds the order that a step has sent: they are numbered in the order of the timeline.
func (r *Reading) causedBySend(c *Cause, step int) {
	n := 0
	for _, s := range r.Plan.Scenario.Timeline[:step+1] {
		if s.Send != nil {
			n++
		}
	}
	for _, o := range r.Operations {
		if o.ID == fmt.Sprintf("probe-%d", n) {
			c.What = fmt.Sprintf("%s %s", o.order(), o.fared())
			c.Events = points(o.Request, o.last())
			c.Checks = []string{"caller-told"}
		}
	}
}

// causedBySenders says what came of the orders of each caller.
func (r *Reading) causedBySenders() []Cause {
	var out []Cause
	for _, s := range r.Plan.Scenario.Callers() {
		var sent, accepted effect
		for _, o := range r.Operations {
			if o.Caller != s.Name || o.Probe() {
				continue
			}
			sent.add(0, o.Request)
			if o.Accepted() {
				accepted.add(0)
			}
		}
		out = append(out, Cause{
			Scenario: true, Field: "services." + s.Name + ".sends", Checks: []string{"orders-lost", "orders-duplicated", "orders-reordered"},
			What: fmt.Sprintf("%s sent, %d accepted", plural(sent.n, "request", "requests"), accepted.n), Events: sent.events[:min(2, len(sent.events))],
		})
	}
	return out
}
