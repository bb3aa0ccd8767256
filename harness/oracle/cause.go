package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
)

// A Cause says what one field of the spec or the scenario brought about in a run.
type Cause struct {
	Scenario bool   // it is a field of the scenario, not of the spec
	Field    string // spec.policies.retries.retryForever.duration; timeline[1]
	Default  string // the value in force where the field is left out; "" where it is written down
	What     string // `9 retries, 5.001s to 5.007s after the attempt before`
	Checks   []string
	Events   []Event // some of those that show it
}

// mostCaused bounds the events that a cause points at.
const mostCaused = 6

// Causes says for each field that had a part in a run what came of it. It is pure and never panics.
func Causes(c Case) []Cause {
	if c.History == nil {
		return nil
	}
	out, err := guarded(func() []Cause {
		r := read(c)
		return slices.Concat(r.causedByPolicies(), r.causedByTimeline(), r.causedBySenders())
	})
	if err != nil {
		return nil
	}
	return out
}

// An effect gathers how often something came of a field, and within which times.
type effect struct {
	n      int
	lo, hi time.Duration
	events []Event
}

func (e *effect) add(took time.Duration, events ...*history.Event) {
	if e.n == 0 {
		e.lo, e.hi = took, took
	}
	e.lo, e.hi = min(e.lo, took), max(e.hi, took)
	if e.n++; len(e.events) < mostCaused {
		e.events = append(e.events, points(events...)...)
	}
}

func (e *effect) span() string {
	if short(e.lo) == short(e.hi) {
		return short(e.lo)
	}
	return short(e.lo) + " to " + short(e.hi)
}

// plural writes `1 retry`, `9 retries`.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// causedByPolicies goes through the policies that are in force for calls of this run, each once.
func (r *Reading) causedByPolicies() []Cause {
	if r.Spec == nil || r.Spec.Broken {
		return nil
	}
	var out []Cause
	of := map[hop][]*Operation{}
	var hops []hop
	for _, o := range r.Operations {
		h := hop{o.Caller, o.Target}
		if of[h] == nil {
			hops = append(hops, h)
		}
		of[h] = append(of[h], o)
	}
	var retries, timeouts, breakers []string // told already: a policy may be in force for several
	for _, h := range hops {
		if p := of[h][0].Policies; p.Named {
			out = append(out, Cause{
				Field: "spec.targets.apps." + h.target,
				What:  fmt.Sprintf("in force for %s of %s", plural(len(of[h]), "request", "requests"), h.caller),
			})
		}
	}
	for _, h := range hops {
		p := of[h][0].Policies
		if p.Retry != nil && !slices.Contains(retries, p.Retry.Name) {
			retries = append(retries, p.Retry.Name)
			out = append(out, r.causedByRetry(*p.Retry)...)
		}
		if name := r.Spec.Apps[h.target].Timeout; p.Timeout != nil && p.Named && !slices.Contains(timeouts, name) {
			timeouts = append(timeouts, name)
			out = append(out, r.causedByTimeout(name))
		}
		if p.Breaker != nil && !slices.Contains(breakers, p.Breaker.Name) {
			breakers = append(breakers, p.Breaker.Name)
			out = append(out, r.causedByBreaker(*p.Breaker)...)
		}
	}
	return out
}

func (r *Reading) causedByRetry(p resiliency.Retry) []Cause {
	field := "spec.policies.retries." + p.Name
	var gaps, spent, unmatched effect
	most := 0
	for _, o := range r.Operations {
		if o.Policies.Retry == nil || o.Policies.Retry.Name != p.Name {
			continue
		}
		most = max(most, len(o.Attempts))
		for i := 0; i+1 < len(o.Attempts); i++ {
			if end, ended := o.Attempts[i].End(); ended && o.Turns[i].whole() {
				gaps.add(o.Attempts[i+1].Start()-end, o.Attempts[i+1].Request)
			}
		}
		if n := len(o.Attempts); n > 0 && o.Attempts[n-1].Failed() {
			switch {
			case !acts(&p, o.Attempts[n-1]):
				unmatched.add(0, o.Attempts[n-1].last())
			case p.MaxRetries != resiliency.Forever && n > p.MaxRetries:
				spent.add(0, o.Attempts[n-1].last())
			}
		}
	}
	paused := Cause{Field: field + ".duration", Default: p.Duration.String(), Checks: []string{"retry-gap"}, Events: gaps.events, What: "no retry followed it"}
	if gaps.n > 0 {
		paused.What = fmt.Sprintf("%s, %s after the attempt before", plural(gaps.n, "retry", "retries"), gaps.span())
	}
	var out []Cause
	if p.Policy == resiliency.Exponential {
		paused.Field, paused.Default = field+".policy", ""
		out = append(out, Cause{Field: field + ".maxInterval", Default: p.MaxInterval.String(), What: "caps the growth of those pauses"})
	} else {
		out = append(out, Cause{Field: field + ".maxInterval", What: "no effect: Dapr ignores it for policy: constant"})
	}
	times := Cause{Field: field + ".maxRetries", Default: "-1", Checks: []string{"retry-count"}, Events: spent.events}
	times.What = "at most " + plural(most, "attempt", "attempts") + " for one request"
	if spent.n > 0 {
		times.What = fmt.Sprintf("%s ended with the last retry used up", plural(spent.n, "request", "requests"))
	}
	out = append(out, paused, times)
	if len(p.HTTPStatus) > 0 {
		out = append(out, Cause{
			Field: field + ".matching", Checks: []string{"retry-count"}, Events: unmatched.events,
			What: fmt.Sprintf("%s failed with a status that isn't listed, and %s not tried again", plural(unmatched.n, "request", "requests"), was(unmatched.n)),
		})
	}
	return out
}

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func (r *Reading) causedByTimeout(name string) Cause {
	var left effect
	for _, o := range r.Operations {
		if o.Policies.Timeout == nil || r.Spec.Apps[o.Target].Timeout != name {
			continue
		}
		for _, x := range o.Attempts {
			if end, ended := x.End(); ended && x.by == "client" && !o.gaveUp() {
				left.add(end-x.Start(), x.Request, x.last())
			}
		}
	}
	c := Cause{Field: "spec.policies.timeouts." + name, Checks: []string{"attempt-timeout"}, Events: left.events, What: "no attempt reached it"}
	if left.n > 0 {
		c.What = fmt.Sprintf("%s given up after %s", plural(left.n, "attempt", "attempts"), left.span())
	}
	return c
}

func (r *Reading) causedByBreaker(p resiliency.Breaker) []Cause {
	var trips, opens, probes, refusals effect
	var on []string
	for _, b := range r.Breakers {
		if b.Policy.Name != p.Name {
			continue
		}
		for i, t := range b.Transitions {
			at := []*history.Event{}
			if t.By != nil && t.To == halfOpen {
				at = append(at, t.By.Request)
			} else if t.By != nil {
				at = append(at, t.By.last())
			}
			switch {
			case t.From == closed && t.To == open:
				trips.add(0, at...)
				if text := ordinal(t.N); !slices.Contains(on, text) {
					on = append(on, text)
				}
			case t.To == halfOpen:
				probes.add(0, at...)
				if i > 0 {
					opens.add(t.At-b.Transitions[i-1].At, at...)
				}
			}
		}
		for _, o := range b.operations {
			if o.refused() {
				refusals.add(0, o.Request)
			}
		}
	}
	field := "spec.policies.circuitBreakers." + p.Name
	trip := Cause{Field: field + ".trip", Default: p.Trip, Checks: []string{"breaker-trips"}, Events: trips.events, What: "never true: the breaker stayed closed"}
	if trips.n > 0 {
		trip.What = fmt.Sprintf("opened the breaker %s, on the %s failure", times(trips.n), strings.Join(on, ", "))
	}
	open := Cause{
		Field: field + ".timeout", Default: p.Timeout.String(), Checks: []string{"open-time", "nothing-crosses-while-open"},
		Events: slices.Concat(opens.events, refusals.events), What: "not in play: no open time ended",
	}
	if opens.n > 0 {
		open.What = fmt.Sprintf("%s until a probe came, %s long", plural(opens.n, "open time", "open times"), opens.span())
	}
	if refusals.n > 0 {
		open.What += fmt.Sprintf("; %s refused at once", plural(refusals.n, "order", "orders"))
	}
	half := Cause{
		Field: field + ".maxRequests", Default: "1", Checks: []string{"half-open-admissions", "breaker-closes"}, Events: probes.events,
		What: plural(probes.n, "half-open time", "half-open times"),
	}
	out := []Cause{trip, open, half}
	if p.Interval > 0 {
		out = append(out, Cause{Field: field + ".interval", What: "clears the counts of the closed breaker every " + short(p.Interval)})
	}
	return out
}
