package oracle

import (
	"fmt"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// States of a breaker.
const (
	closed   = "closed"
	open     = "open"
	halfOpen = "half-open"
)

// A Breaker is what the evidence says of one breaker: one a caller's sidecar, target and path. It follows the
// attempts on the link with the spec's rules; where an attempt contradicts them it notes that and goes on as the
// sidecar seems to have done.
type Breaker struct {
	Caller, Target, Path string
	Policy               resiliency.Breaker
	Results              int          // attempts whose end was counted
	Failures             int          // of them
	Transitions          []Transition // that the evidence forces
	Missed               []Transition // openings that the evidence forces, and the sidecar made later
	Early                []Transition // openings that the sidecar made where the evidence forces none
	Crossed              []*Exchange  // attempts that began while it must have been open
	Crowded              []*Exchange  // attempts beyond those that half-open lets through
	Ambiguous            bool         // an attempt fell on the edge of a window: what was counted is not certain

	trip     resiliency.Trip
	state    string
	counts   resiliency.Counts
	life     int           // grows with each change of state and each window
	since    time.Duration // when the state or the window began
	admitted int
	restarts []time.Duration
	openings []*Said // the sidecar's own lines of closed → open, not yet accounted for
}

// Name is how the sidecar names it.
func (b *Breaker) Name() string { return b.Target + ":" + b.Path }

// A Transition is one change of state.
type Transition struct {
	At       time.Duration
	From, To string
	By       *Exchange // the attempt whose start or end caused it
	N        int       // closed→open: on which failure since the counts began
	Said     *Said     // the line that tells it, once found
}

// A step is an attempt's start or its end.
type step struct {
	at   time.Duration
	x    *Exchange
	ends bool
}

// breakers follows each breaker through the attempts.
func breakers(r *Reading) []*Breaker {
	type id struct{ caller, target, path string }
	found := map[id]*Breaker{}
	steps := map[*Breaker][]step{}
	var out []*Breaker
	for _, o := range r.Operations {
		if o.Policies.Breaker == nil {
			continue
		}
		k := id{o.Caller, o.Target, o.Path}
		b := found[k]
		if b == nil {
			trip, err := resiliency.CompileTrip(o.Policies.Breaker.Trip)
			if err != nil {
				continue
			}
			b = &Breaker{Caller: o.Caller, Target: o.Target, Path: o.Path, Policy: *o.Policies.Breaker, trip: trip, state: closed}
			found[k] = b
			out = append(out, b)
		}
		for _, x := range o.Attempts {
			steps[b] = append(steps[b], step{at: x.Start(), x: x})
			if end, ended := x.End(); ended {
				steps[b] = append(steps[b], step{at: end, x: x, ends: true})
			}
		}
	}
	for _, b := range out {
		b.restarts = r.restarts(b.Caller)
		for i := range r.Said {
			if s := &r.Said[i]; b.says(s) && s.From == closed && s.To == open {
				b.openings = append(b.openings, s)
			}
		}
		b.follow(r, steps[b])
		b.match(r)
	}
	return out
}

// restarts are the moments when a caller's sidecar came back: its breakers' state is lost.
func (r *Reading) restarts(caller string) []time.Duration {
	var out []time.Duration
	for _, e := range r.exits {
		if e.Service == caller && e.Part == "sidecar" {
			out = append(out, e.At)
		}
	}
	return out
}

// follow goes through starts and ends in the order of time.
func (b *Breaker) follow(r *Reading, steps []step) {
	slices.SortStableFunc(steps, func(x, y step) int {
		switch {
		case x.at < y.at:
			return -1
		case x.at > y.at:
			return 1
		}
		return 0
	})
	lives := map[*Exchange]int{}
	for _, st := range steps {
		for len(b.restarts) > 0 && st.at >= b.restarts[0] {
			b.restarts = b.restarts[1:]
			b.set(closed, st.at)
		}
		b.opensEarly(r, st)
		b.window(st.at, r.Slack)
		if !st.ends {
			b.begin(st, r.Slack)
			lives[st.x] = b.life
		} else if lives[st.x] == b.life {
			b.end(r, st)
		}
	}
}

// window renews the counts of the closed state, lazily, when its interval has gone by.
func (b *Breaker) window(at time.Duration, s Slack) {
	if b.state != closed || b.Policy.Interval <= 0 {
		return
	}
	edge := b.since + b.Policy.Interval
	if at > edge-s.Lower && at < edge+turnaround+s.Upper {
		b.Ambiguous = true
	}
	if at > edge {
		b.counts = resiliency.Counts{}
		b.life++
		b.since = at
	}
}

// begin is an attempt that was let through: it is held against the state.
func (b *Breaker) begin(st step, s Slack) {
	switch b.state {
	case open:
		if st.at < b.since+b.Policy.Timeout-s.Lower {
			b.Crossed = append(b.Crossed, st.x)
		}
		b.move(halfOpen, st)
		b.admitted = 1
	case halfOpen:
		b.admitted++
		if b.admitted > b.Policy.MaxRequests {
			b.Crowded = append(b.Crowded, st.x)
		}
	}
}

// opensEarly follows the sidecar where it says that it opened though nothing seen so far, nor this step, makes the
// trip true: what comes next is judged from there.
func (b *Breaker) opensEarly(r *Reading, st step) {
	if b.state != closed || len(b.openings) == 0 || st.at <= r.late(b.openings[0].Line.At) {
		return
	}
	s := b.openings[0]
	b.openings = b.openings[1:]
	b.Early = append(b.Early, Transition{At: s.Line.At, From: closed, To: open, Said: s})
	b.set(open, s.Line.At)
}

// opensLater tells whether the sidecar says nothing of opening now, and does so later: then it is followed.
func (b *Breaker) opensLater(r *Reading, at time.Duration) bool {
	if len(b.openings) == 0 {
		return false
	}
	if r.around(b.openings[0].Line.At, at) {
		b.openings = b.openings[1:]
		return false
	}
	return b.openings[0].Line.At > at
}

// end counts a result.
func (b *Breaker) end(r *Reading, st step) {
	b.Results++
	if st.x.OK() {
		b.counts.Success()
		if b.state == halfOpen && b.counts.ConsecutiveSuccesses >= int64(b.Policy.MaxRequests) {
			b.move(closed, st)
		}
		return
	}
	b.Failures++
	b.counts.Failure()
	switch {
	case b.state == halfOpen:
		b.move(open, st)
	case !b.trip.Eval(b.counts):
	case b.opensLater(r, st.at):
		b.Missed = append(b.Missed, Transition{At: st.at, From: closed, To: open, By: st.x, N: int(b.counts.TotalFailures)})
	default:
		b.move(open, st)
	}
}

func (b *Breaker) move(to string, st step) {
	b.Transitions = append(b.Transitions, Transition{
		At: st.at, From: b.state, To: to, By: st.x, N: int(b.counts.TotalFailures),
	})
	b.set(to, st.at)
}

func (b *Breaker) set(state string, at time.Duration) {
	b.state, b.since, b.counts, b.admitted = state, at, resiliency.Counts{}, 0
	b.life++
}

// match finds for each transition the line that tells it.
func (b *Breaker) match(r *Reading) {
	used := map[int]bool{}
	for i := range b.Transitions {
		t := &b.Transitions[i]
		for j := range r.Said {
			s := &r.Said[j]
			if used[j] || !b.says(s) || s.From != t.From || s.To != t.To || !r.around(s.Line.At, t.At) {
				continue
			}
			used[j], t.Said = true, s
			break
		}
	}
}

// says tells whether a line is about this breaker.
func (b *Breaker) says(s *Said) bool {
	return s.Kind == saidChanged && s.Line.Service == b.Caller && s.Breaker == b.Name()
}

// unmatched are the lines about this breaker that no transition of the evidence accounts for.
func (b *Breaker) unmatched(r *Reading) []*Said {
	var out []*Said
	for j := range r.Said {
		s := &r.Said[j]
		if !b.says(s) {
			continue
		}
		told := false
		for _, t := range append(slices.Clone(b.Transitions), b.Early...) {
			told = told || t.Said == s
		}
		if !told {
			out = append(out, s)
		}
	}
	return out
}

// at is the state at a moment, as far as the evidence tells; edge says that the moment is within the slack of a
// transition, so that it may be the state on the other side too.
func (b *Breaker) at(r *Reading, moment time.Duration) (state string, since time.Duration, edge bool) {
	state = closed
	for _, t := range b.Transitions {
		if moment >= t.At-r.Slack.Lower-mostUncertain && moment <= r.late(t.At) {
			edge = true
		}
		if t.At <= moment {
			state, since = t.To, t.At
		}
	}
	return state, since, edge
}

// breakerOf finds the breaker that an operation passes.
func (r *Reading) breakerOf(o *Operation) *Breaker {
	for _, b := range r.Breakers {
		if b.Caller == o.Caller && b.Target == o.Target && b.Path == o.Path {
			return b
		}
	}
	return nil
}

func (t Transition) String() string { return fmt.Sprintf("%s to %s", t.From, t.To) }
