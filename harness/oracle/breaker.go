package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// States of a breaker.
const (
	closed   = "closed"
	open     = "open"
	halfOpen = "half-open"
)

// A Breaker is what the evidence says of one breaker: one a caller's sidecar, target and path. Of all ways in which
// it may have gone through what was seen it holds the one with the fewest deviations from the spec; where there is
// one without any, all promises were kept.
type Breaker struct {
	Caller, Target, Path string
	Policy               resiliency.Breaker
	Attempts             int          // that passed it
	Results              int          // attempts that ended
	Failures             int          // of them
	Transitions          []Transition // in the order of time
	Deviations           []deviation
	Ambiguous            string // why what was counted is not certain; "" where it is
	Excused              string // why it can't be said that it kept its promises; "" where it can
	Deaf                 bool   // nothing at all was heard of the caller's sidecar

	operations []*Operation
	said       []*Said // the lines about it
	trip       resiliency.Trip
}

// Name is how the sidecar names it.
func (b *Breaker) Name() string { return b.Target + ":" + b.Path }

// A Transition is one change of state.
type Transition struct {
	At       time.Duration // as the evidence has it
	From, To string
	By       *Exchange // the attempt whose start or end caused it; nil where only the sidecar's own line tells it
	N        int       // closed→open: on which failure since the counts began
	Said     *Said     // the line that tells it, nil for none
}

func (t Transition) String() string { return fmt.Sprintf("%s to %s", t.From, t.To) }

// A breakerKey tells breakers apart.
type breakerKey struct{ caller, target, path string }

// breakers follows each breaker through the attempts.
func breakers(r *Reading) []*Breaker {
	found := map[breakerKey]*Breaker{}
	paths := map[breakerKey]int{}
	var out []*Breaker
	for _, o := range r.Operations {
		if o.Policies.Breaker == nil {
			continue
		}
		k := breakerKey{o.Caller, o.Target, o.Path}
		b := found[k]
		if b == nil {
			trip, err := resiliency.CompileTrip(o.Policies.Breaker.Trip)
			if err != nil {
				continue
			}
			b = &Breaker{Caller: o.Caller, Target: o.Target, Path: o.Path, Policy: *o.Policies.Breaker, trip: trip}
			found[k] = b
			paths[breakerKey{o.Caller, o.Target, ""}]++
			out = append(out, b)
		}
		o.breaker = b
		b.operations = append(b.operations, o)
	}
	r.hear(found)
	for _, b := range out {
		b.Deaf = !r.heard[b.Caller]
		if slices.ContainsFunc(b.operations, func(o *Operation) bool { return o.blurred }) {
			b.Ambiguous = blurred
		}
		if slices.ContainsFunc(b.operations, r.left) {
			b.Ambiguous = "callers had left when their orders came to the sidecar: what it began for them may not have crossed"
		}
		if slices.ContainsFunc(b.operations, (*Operation).unclear) {
			b.Ambiguous = "a timeout and a built-in retry were due at the same time"
		}
		if most := r.Spec.Apps[b.Target].CacheSize; paths[breakerKey{b.Caller, b.Target, ""}] > cacheSize(most) {
			b.Ambiguous = fmt.Sprintf("%s has more paths than the sidecar keeps breakers for", b.Target)
		}
		b.follow(r)
	}
	return out
}

// cacheSize is how many breakers an app's target keeps.
func cacheSize(given int) int {
	const most = 100
	if given > 0 {
		return given
	}
	return most
}

// hear gives each breaker the lines about it, and notes those about breakers that nobody passes.
func (r *Reading) hear(found map[breakerKey]*Breaker) {
	for i := range r.Said {
		s := &r.Said[i]
		if s.Kind != saidChanged {
			continue
		}
		named := cutName(s.Breaker)
		named.caller = s.Line.Service
		if b := found[named]; b != nil {
			b.said = append(b.said, s)
		} else {
			r.Strange = append(r.Strange, s)
		}
	}
}

// cutName takes a breaker's name apart: order-processor:orders.
func cutName(name string) breakerKey {
	for i := range len(name) {
		if name[i] == ':' {
			return breakerKey{target: name[:i], path: name[i+1:]}
		}
	}
	return breakerKey{target: name}
}

// Kinds of steps.
type stepKind uint8

const (
	begins    stepKind = iota // an attempt was let through
	ends                      // its result is counted
	refused                   // an operation ended as the breaker's refusal ends it
	claimed                   // a line has had its time to be explained
	restarted                 // the sidecar ended: its breakers are forgotten
)

// A span is when something happened, as far as can be known: not before from, not after to, seen at at.
type span struct{ from, at, to time.Duration }

// A step is one thing that a breaker goes through.
type step struct {
	span
	x     *Exchange  // begins, ends: the first attempt of the try that is let through
	last  *Exchange  // ends: the last one, whose result counts
	o     *Operation // refused
	when  window     // refused: the time within which it was
	said  *Said      // claimed
	kind  stepKind
	maybe bool // refused: the operation may have ended for another reason
}

// follow finds the way through all steps with the fewest deviations.
func (b *Breaker) follow(r *Reading) {
	steps := b.steps(r)
	m := &machine{Breaker: b, lower: r.Slack.Lower, late: r.late, until: r.until(), lines: b.lines()}
	best, certain := m.search(steps)
	if again := b.strictly(r, best); again != nil {
		again.unfold(b)
		b.Excused = fmt.Sprintf("%s, and breaker %s broke no promise if it was not", r.Slack.tooBusy(b.shortest(r)), b.Name())
		return
	}
	if best.cost > 0 && !certain && b.Ambiguous == "" {
		b.Ambiguous = "too many things happened at once to tell in which order"
	}
	best.unfold(b)
	if best.cost == 0 {
		b.Excused = b.onlyBySlack(r)
	}
}

// strictly looks again at what broke a promise on a machine that was too late: where it breaks none with less slack,
// things that lie apart were taken to have happened at once. nil where that is not so.
func (b *Breaker) strictly(r *Reading, best *course) *course {
	shortest := b.shortest(r)
	if best.cost == 0 || r.Slack.tooBusy(shortest) == "" {
		return nil
	}
	if again := b.searchWith(r, time.Duration(tolerable*float64(shortest))); again.cost == 0 {
		return again
	}
	return nil
}

// searchWith searches with no more slack than most.
func (b *Breaker) searchWith(r *Reading, most time.Duration) *course {
	strict := *r
	strict.Slack.Upper = min(r.Slack.Upper, most)
	counts := [...]int{b.Attempts, b.Results, b.Failures}
	steps := b.steps(&strict)
	b.Attempts, b.Results, b.Failures = counts[0], counts[1], counts[2]
	m := &machine{Breaker: b, lower: strict.Slack.Lower, late: strict.late, until: strict.until(), lines: b.lines()}
	again, _ := m.search(steps)
	return again
}

// onlyBySlack says that a breaker went through what was seen as the spec says only if the machine was late for more
// than a fifth of what lies between two things that happened: then it may as well not have. "" where that is not so.
func (b *Breaker) onlyBySlack(r *Reading) string {
	shortest := b.shortest(r)
	if why := r.Slack.tooBusy(shortest); why == "" {
		return ""
	}
	if again := b.searchWith(r, time.Duration(tolerable*float64(shortest))); again.cost == 0 {
		return ""
	}
	return fmt.Sprintf("%s, and breaker %s kept its promises only if that explains what was seen", r.Slack.tooBusy(shortest), b.Name())
}

// shortest is the shortest time that the plan or the spec puts between two things that this breaker sees.
func (b *Breaker) shortest(r *Reading) time.Duration {
	out := b.Policy.Timeout
	for _, o := range b.operations {
		if p := o.Policies.Retry; p != nil {
			gap, _ := p.Gap(1)
			out = min(out, gap)
			break
		}
	}
	if s := r.Plan.Scenario.Service(b.Caller); s != nil && s.Sends != nil && s.Sends.Every > 0 {
		out = min(out, s.Sends.Every)
	}
	return max(out, minShortest)
}

// minShortest keeps orders that follow each other without a pause from making every machine too busy.
const minShortest = 500 * time.Millisecond

// steps are all that a breaker goes through, in the order in which it was seen.
func (b *Breaker) steps(r *Reading) []step {
	attempts := 0
	for _, o := range b.operations {
		attempts += len(o.Attempts)
	}
	out := make([]step, 0, 2*attempts+len(b.said))
	for _, at := range r.restarts(b.Caller) { // first of their instant: what is seen with them may be of either life
		from := at - r.Slack.most()
		out = append(out, step{kind: restarted, span: span{from, from, at}})
	}
	for _, o := range b.operations {
		for i := 0; i < len(o.Attempts); i++ {
			x := o.Attempts[i]
			b.Attempts++
			out = append(out, step{kind: begins, x: x, span: span{max(o.Start(), x.earliest()-r.Slack.most()), x.Start(), x.Start()}})
			for o.goesOn(i) {
				i++ // a built-in retry passes no breaker
			}
			if from, at, ended := r.tryOver(o, i); ended {
				last := o.Attempts[i]
				b.Results++
				if !last.OK() {
					b.Failures++
				}
				out = append(out, step{kind: ends, x: x, last: last, span: span{from, at, r.late(at)}})
			}
		}
		if when, maybe, ok := r.endedEarly(o); ok {
			out = append(out, step{kind: refused, o: o, maybe: maybe, when: when, span: settled(when.hi, r.Slack)})
		}
	}
	for _, s := range b.said {
		if s.Line.At > r.until() {
			break
		}
		out = append(out, step{kind: claimed, said: s, span: settled(s.Line.At, r.Slack)})
	}
	return inOrder(out)
}

// inOrder puts steps in the order in which they were seen, and leaves those of one moment as they are. A step is too
// large to be moved more than once.
func inOrder(steps []step) []step {
	type place struct {
		at time.Duration
		i  int
	}
	places := make([]place, len(steps))
	for i := range steps {
		places[i] = place{steps[i].at, i}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.i, b.i)) })
	out := make([]step, len(steps))
	for to, from := range places {
		out[to] = steps[from.i]
	}
	return out
}

// settled is when all that may explain something seen at a moment has been seen too. What is looked at then changes
// nothing by itself, so its order does not matter.
func settled(at time.Duration, s Slack) span {
	at += s.most() + s.Lower + mostUncertain + s.Counting
	return span{at, at, at}
}

// lines are those about this breaker by what they tell.
func (b *Breaker) lines() map[change][]*Said {
	out := map[change][]*Said{}
	for _, s := range b.said {
		k := change{s.From, s.To}
		out[k] = append(out[k], s)
	}
	return out
}

// endedEarly tells whether an operation ended as a refusal ends it: without any attempt, or though its last one
// would be retried. maybe says that it had attempts, so that it may have been given up instead.
func (r *Reading) endedEarly(o *Operation) (when window, maybe, ok bool) {
	end, ended := o.End()
	if !ended || o.gaveUp() {
		return when, false, false
	}
	if o.refused() {
		return window{o.Start(), end}, false, true
	}
	n := len(o.Attempts)
	if n == 0 || !o.next().sure || o.next().builtin || r.sidecarGone(o.Caller, o.Attempts[n-1].Start(), end) {
		return when, false, false
	}
	from, _, _ := o.Attempts[n-1].over(r.Slack)
	return window{min(from+o.next().pause.lo-r.Slack.Lower, end), end}, true, true
}

// at is the state at a moment, as the evidence has it.
func (b *Breaker) at(moment time.Duration) (state string, since time.Duration) {
	i := sort.Search(len(b.Transitions), func(i int) bool { return b.Transitions[i].At > moment })
	if i == 0 {
		return closed, 0
	}
	return b.Transitions[i-1].To, b.Transitions[i-1].At
}
