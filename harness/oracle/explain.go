package oracle

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An Explanation says why breakers opened when they did, or never, and why recovery took what it took.
type Explanation struct {
	Breakers   []BreakerStory  `json:"breakers"`
	Recoveries []RecoveryStory `json:"recoveries"`
	Cut        string          `json:"cut,omitempty"` // why nothing can be explained
}

// A BreakerStory is one breaker, failure by failure.
type BreakerStory struct {
	Caller   string    `json:"caller"`
	Name     string    `json:"name"`
	Trip     string    `json:"trip"`
	Interval string    `json:"interval,omitempty"`
	Failures []Failure `json:"failures"`
	Why      string    `json:"why"` // it opened, or never did
}

// A Failure is the trip, evaluated with its variables' values.
type Failure struct {
	At      time.Duration     `json:"at_ns"`
	Attempt string            `json:"attempt"`
	State   string            `json:"state"` // in which it was counted
	Counts  resiliency.Counts `json:"counts"`
	Trips   bool              `json:"trips"`
	Note    string            `json:"note,omitempty"`
}

// A RecoveryStory takes a caller's recovery apart.
type RecoveryStory struct {
	Caller    string        `json:"caller"`
	Healing   time.Duration `json:"healing_ns"` // when the last fault's healing began, on the run's clock
	Ready     time.Duration `json:"ready_ns"`   // from the healing to the target's readiness
	Waited    time.Duration `json:"waited_ns"`  // from there to the attempt that got through
	Tried     time.Duration `json:"tried_ns"`   // from there to the caller's answer
	Uncrossed int           `json:"uncrossed"`  // probes that the sidecar told of meanwhile, and that never crossed the link
	Why       string        `json:"why"`
}

// Explain explains a run. It is pure, and says so where there is nothing to explain.
func Explain(c Case) Explanation {
	if c.History == nil {
		return Explanation{Cut: "there is no history"}
	}
	e, err := guarded(func() Explanation { return read(c).explain() })
	if err != nil {
		return Explanation{Cut: "the history could not be read as a run: " + err.Error()}
	}
	return e
}

func (r *Reading) explain() Explanation {
	e := Explanation{Breakers: []BreakerStory{}, Recoveries: []RecoveryStory{}}
	for _, b := range r.Breakers {
		e.Breakers = append(e.Breakers, r.explainBreaker(b))
	}
	if over, ok := r.allOver(); ok {
		for _, c := range r.Plan.Scenario.Callers() {
			e.Recoveries = append(e.Recoveries, r.explainRecovery(c, over))
		}
	}
	return e
}

// explainBreaker goes through the attempts in the order in which they were seen, and takes each change of state
// where the evidence has it.
func (r *Reading) explainBreaker(b *Breaker) BreakerStory {
	s := BreakerStory{Caller: b.Caller, Name: b.Name(), Trip: b.Policy.Trip, Failures: []Failure{}}
	if b.Policy.Interval > 0 {
		s.Interval = short(b.Policy.Interval)
	}
	var counts resiliency.Counts
	var window time.Duration // when the closed state's window began
	next, begun := 0, map[*Exchange]bool{}
	owner := map[*Exchange]*Operation{}
	for _, o := range b.operations {
		for _, x := range o.Attempts {
			owner[x] = o
		}
	}
	for _, st := range b.steps(r) {
		for next < len(b.Transitions) && precedes(b.Transitions[next], st) {
			counts, window = resiliency.Counts{}, b.Transitions[next].At
			clear(begun)
			next++
		}
		state, _ := b.at(st.at - 1)
		note := ""
		if state == closed && b.Policy.Interval > 0 && (st.kind == begins || st.kind == ends) && st.at > window+b.Policy.Interval {
			if counts != (resiliency.Counts{}) {
				note = "the window of " + s.Interval + " was over: counted anew"
			}
			counts, window = resiliency.Counts{}, st.at
			clear(begun)
		}
		switch st.kind {
		case begins:
			counts.Requests++
			begun[st.x] = true
		case ends:
			f := Failure{At: st.at, State: state, Note: note, Attempt: fmt.Sprintf("%s: %s", owner[st.x].order(), st.x.outcome())}
			if !begun[st.x] {
				f.Note = "not counted: it began before the last change of state or window"
			} else {
				requests := counts.Requests
				if st.x.OK() {
					counts.Success()
				} else {
					counts.Failure()
				}
				counts.Requests = requests
			}
			f.Counts = counts
			f.Trips = state == halfOpen || (begun[st.x] && state == closed && b.trip.Eval(counts))
			if !st.x.OK() {
				s.Failures = append(s.Failures, f)
			}
		}
	}
	s.Why = b.why(s.Failures)
	return s
}

// precedes tells whether a transition has happened when a step is taken: its own one, where an attempt begins half-open.
func precedes(t Transition, st step) bool {
	return t.At < st.at || (t.At == st.at && st.kind == begins && t.By == st.x)
}

func (b *Breaker) why(failures []Failure) string {
	for _, t := range b.Transitions {
		if t.From == closed {
			return fmt.Sprintf("it opened at %.3f s on the %s failure, the first that made %q true", t.At.Seconds(), ordinal(t.N), b.Policy.Trip)
		}
	}
	switch {
	case len(failures) == 0:
		return "it never opened: no attempt failed"
	case b.trip.Unknown != "":
		return "it never opened: " + b.trip.Unknown + ", so its trip is false"
	}
	return fmt.Sprintf("it never opened: none of %d failures made %q true", len(failures), b.Policy.Trip)
}

func (r *Reading) explainRecovery(c scenario.Service, over *history.Event) RecoveryStory {
	caller := c.Name
	s := RecoveryStory{Caller: caller, Healing: over.At}
	for _, f := range r.Faults {
		if f.Healing != nil && f.Healing.At <= over.At {
			s.Healing = f.Healing.At
		}
	}
	s.Ready = over.At - s.Healing
	o := r.recovered(caller, over.At)
	if o == nil {
		s.Why = fmt.Sprintf("no order of %s was accepted after %s, until the run ended %s later", caller, describe(over), since(over.At, r.Ended)) + r.uncrossed(c, over.At, r.Ended, nil)
		return s
	}
	through := o.through()
	s.Waited, s.Tried = max(0, through-over.At), o.Complete.At-max(through, over.At)
	s.Uncrossed = r.uncrossedProbes(caller, over.At, o.Complete.At) + r.hiddenAttempts(c, over.At, o.Complete.At)
	failed := 0
	for _, x := range r.on(toPeer(c)).exchanges {
		if x.Start() >= over.At && x.Start() < through && x.Failed() && !x.Hidden() {
			failed++
		}
	}
	s.Why = fmt.Sprintf("%s to readiness, %s until the attempt that got through (attempt %d of %s), %s until its answer",
		short(s.Ready), short(s.Waited), len(o.Attempts), o.order(), short(s.Tried))
	if failed > 0 {
		s.Why += fmt.Sprintf("; %d attempts crossed the link and failed meanwhile", failed)
	}
	s.Why += r.uncrossed(c, over.At, o.Complete.At, o)
	return s
}

// WriteExplanation writes an explanation for people.
func WriteExplanation(w io.Writer, e Explanation) {
	if e.Cut != "" {
		fmt.Fprintln(w, "nothing can be explained: "+e.Cut)
	}
	for _, b := range e.Breakers {
		fmt.Fprintf(w, "breaker %s of %s: %s\n", b.Name, b.Caller, b.Why)
		for i, f := range b.Failures {
			if i == mostRows {
				fmt.Fprintf(w, "  … and %d more failures\n", len(b.Failures)-i)
				break
			}
			fmt.Fprintf(w, "  %9.3f  %s\n             %s, %s: %s\n", f.At.Seconds(), clip(f.Attempt), f.State, f.counted(), f.verdict(b.Trip))
		}
	}
	if len(e.Breakers) == 0 && e.Cut == "" {
		fmt.Fprintln(w, "no breaker is in play")
	}
	for _, s := range e.Recoveries {
		fmt.Fprintf(w, "recovery of %s: %s\n", s.Caller, s.Why)
	}
}

func (f Failure) counted() string {
	c := f.Counts
	return fmt.Sprintf("requests=%d totalSuccesses=%d totalFailures=%d consecutiveSuccesses=%d consecutiveFailures=%d",
		c.Requests, c.TotalSuccesses, c.TotalFailures, c.ConsecutiveSuccesses, c.ConsecutiveFailures)
}

func (f Failure) verdict(trip string) string {
	var out string
	switch {
	case strings.HasPrefix(f.Note, "not counted"):
		return f.Note
	case f.State == halfOpen:
		out = "a failed probe opens it again"
	case f.Trips:
		out = trip + " is true: it opens"
	default:
		out = trip + " is false: it stays as it is"
	}
	if f.Note != "" {
		out += " (" + f.Note + ")"
	}
	return out
}
