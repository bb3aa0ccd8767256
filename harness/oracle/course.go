package oracle

import (
	"cmp"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// A change is what a line tells: from one state to another.
type change struct{ from, to string }

// changes are those that a breaker can go through; a line tells one of them.
var changes = [...]change{{closed, open}, {open, halfOpen}, {halfOpen, open}, {halfOpen, closed}}

// Kinds of deviations.
type deviationKind int

const (
	crossed   deviationKind = iota // an attempt crossed while the breaker was open
	crowded                        // an attempt crossed beyond what half-open admits
	unrefused                      // an operation was refused where no refusal is due
	abandoned                      // an operation ended, and no refusal excuses it
	missed                         // a transition was due, and the breaker stayed as it was
	untold                         // a transition was due and happened, and no line tells it
	unfounded                      // a line tells a transition that was not due, and it happened
	idle                           // a line tells a transition that did not happen
)

// A deviation is one thing in which a breaker left what spec and evidence permit.
type deviation struct {
	kind  deviationKind
	x     *Exchange  // crossed, crowded
	o     *Operation // unrefused, abandoned
	t     Transition // missed, untold, unfounded; crossed: the opening
	said  *Said      // unfounded, idle
	state string     // the state in which it was
	since time.Duration
}

// A course is one way in which a breaker may have gone through the steps so far.
type course struct {
	state  string
	shut   [3]window // when it refused: the latest time first, and those before
	fresh  bool      // nothing has passed since it began to exist
	counts resiliency.Counts
	since  span        // when the state, or the window of the closed state, began
	opened Transition  // the transition into the open state
	flying []*Exchange // attempts whose result will count: let through since the last change of state or window
	blind  bool        // its trip was true and it stayed closed: that is told once
	told   [len(changes)]int
	cost   int
	last   *mark
}

// A mark is what happened on a course, the latest first.
type mark struct {
	before     *mark
	transition *Transition
	deviation  *deviation
	refused    *Operation // a refusal that is due
}

// cost is what a deviation costs. Some cost a little more, so that of two explanations the simpler one is told:
// where nothing tells whether a breaker stayed as it was or moved silently, it stayed; what crossed right after a
// probe was one probe too many rather than a leak; and a line is believed last.
func (k deviationKind) cost() int {
	switch k {
	case untold, crossed:
		return 11
	case unfounded:
		return 12
	}
	return 10
}

func (c *course) deviate(d deviation) {
	d.state, d.since = c.state, c.since.at
	c.cost += d.kind.cost()
	c.last = &mark{before: c.last, deviation: &d}
}

func (c *course) set(state string, when span) {
	if c.state != closed {
		c.shut[0].hi = min(c.shut[0].hi, when.to)
	}
	c.state, c.since, c.counts, c.flying, c.blind = state, when, resiliency.Counts{}, nil, false
}

// refuse notes a time in which requests are refused.
func (c *course) refuse(from, to time.Duration) {
	c.shut = [...]window{{from, to}, c.shut[0], c.shut[1]}
}

// unfold writes a course into its breaker.
func (c *course) unfold(b *Breaker) {
	for m := c.last; m != nil; m = m.before {
		switch {
		case m.transition != nil:
			b.Transitions = append(b.Transitions, *m.transition)
		case m.deviation != nil:
			b.Deviations = append(b.Deviations, *m.deviation)
		case m.refused != nil:
			m.refused.mayBeRefused = true
		}
	}
	slices.Reverse(b.Transitions)
	slices.Reverse(b.Deviations)
	slices.SortStableFunc(b.Transitions, func(x, y Transition) int { return int(x.At - y.At) })
}

// A machine takes courses through steps. It has no state of its own.
type machine struct {
	*Breaker
	lower    time.Duration
	late     func(time.Duration) time.Duration
	until    time.Duration // what is seen later may lack its other half, since the run ends
	lines    map[change][]*Said
	branches []*course // other ways to take the last step
}

func (m *machine) branch(c *course) *course {
	alt := *c
	m.branches = append(m.branches, &alt)
	return &alt
}

// take goes one step. Where the step fell on the edge of the counting window, searching goes it both ways.
func (m *machine) take(c *course, s *step) {
	if c.state == closed && (s.kind == begins || s.kind == ends) {
		renewed, sure := m.renewed(c, s)
		if !sure {
			other := m.branch(c)
			if !renewed {
				other.set(closed, s.span)
			}
			m.act(other, s)
		}
		if renewed {
			c.set(closed, s.span)
		}
	}
	m.act(c, s)
}

// act goes one step in the window that is in force.
func (m *machine) act(c *course, s *step) {
	switch s.kind {
	case begins:
		m.begin(c, s)
	case ends:
		m.end(c, s)
	case refused:
		m.refuse(c, s)
	case claimed:
		m.settle(c, s)
	case restarted:
		c.set(closed, s.span)
		c.fresh = true
	}
}

// begin is an attempt that was let through: it is held against the state.
func (m *machine) begin(c *course, s *step) {
	switch c.state {
	case open:
		early := s.to < c.since.from+m.Policy.Timeout-m.lower
		if early {
			leak := m.branch(c) // it stays open, and lets something through
			leak.deviate(deviation{kind: crossed, x: s.x, t: c.opened})
		}
		if early {
			c.deviate(deviation{kind: crossed, x: s.x, t: c.opened})
		}
		m.move(c, s, halfOpen)
	case halfOpen:
		if c.counts.Requests >= int64(m.Policy.MaxRequests) {
			c.deviate(deviation{kind: crowded, x: s.x})
		}
	}
	c.counts.Requests++ // gobreaker counts a request when it lets it through
	if c.state == halfOpen && c.counts.Requests == int64(m.Policy.MaxRequests) {
		c.refuse(s.from, forever)
	}
	c.flying = append(slices.Clip(c.flying), s.x)
}

// end counts a result, unless the state or the window has changed since the attempt began.
func (m *machine) end(c *course, s *step) {
	if c.state == open && s.to >= c.since.from+m.Policy.Timeout-m.lower {
		// gobreaker looks at the clock here too: the late result of an attempt from before may begin half-open.
		if said := m.hear(c, change{open, halfOpen}, s); said != nil {
			m.change(c, Transition{At: s.at, From: open, To: halfOpen, By: s.last, Said: said}, s.span)
		}
		return
	}
	i := slices.Index(c.flying, s.x)
	if i < 0 {
		return
	}
	c.flying = slices.Delete(slices.Clone(c.flying), i, i+1)
	if s.last.either() {
		m.count(m.branch(c), s, false)
	}
	m.count(c, s, s.last.OK() || s.last.either())
}

// count counts a success or a failure.
func (m *machine) count(c *course, s *step, ok bool) {
	c.counts.Ended(ok)
	switch {
	case ok:
		if c.state == halfOpen && c.counts.ConsecutiveSuccesses >= int64(m.Policy.MaxRequests) {
			m.move(c, s, closed)
		}
	case c.state == halfOpen || m.trip.Eval(c.counts):
		m.move(c, s, open)
	}
}

// move is a transition that is due. No line of it means that it did not happen, or that it was not told.
func (m *machine) move(c *course, s *step, to string) {
	t := Transition{At: s.at, From: c.state, To: to, By: cmp.Or(s.last, s.x), N: int(c.counts.TotalFailures)}
	t.Said = m.hear(c, change{c.state, to}, s)
	if t.Said == nil && !m.Deaf && s.at <= m.until {
		if c.state != open {
			stays := m.branch(c)
			if !stays.blind {
				stays.deviate(deviation{kind: missed, t: t})
			}
			stays.blind = true
		}
		c.deviate(deviation{kind: untold, t: t})
	}
	m.change(c, t, s.span)
}

// forever is later than anything.
const forever = 1<<63 - 1

// change goes to another state.
func (m *machine) change(c *course, t Transition, when span) {
	c.last = &mark{before: c.last, transition: &t}
	c.set(t.To, when)
	if t.To == open {
		c.opened = t
		c.refuse(when.from, when.to+m.Policy.Timeout)
	}
}

// hear takes the line that tells a change, nil where there is none.
func (m *machine) hear(c *course, what change, s *step) *Said {
	k := slices.Index(changes[:], what)
	lines := m.lines[what]
	for c.told[k] < len(lines) && lines[c.told[k]].Line.At < s.from-m.lower-mostUncertain {
		m.ignore(c, k, lines[c.told[k]])
	}
	if c.told[k] == len(lines) || lines[c.told[k]].Line.At > m.late(s.at) {
		return nil
	}
	c.told[k]++
	return lines[c.told[k]-1]
}

func (m *machine) ignore(c *course, k int, said *Said) {
	c.deviate(deviation{kind: idle, said: said})
	c.told[k]++
}

// settle is a line whose time to be explained is over. Where nothing explained it, it is either false or true.
func (m *machine) settle(c *course, s *step) {
	what := change{s.said.From, s.said.To}
	k := slices.Index(changes[:], what)
	if k < 0 {
		c.deviate(deviation{kind: idle, said: s.said})
		return
	}
	for c.told[k] < len(m.lines[what]) && m.lines[what][c.told[k]].Line.At <= s.said.Line.At {
		said := m.lines[what][c.told[k]]
		if c.state == said.From && said == s.said {
			t := Transition{At: said.Line.At, From: said.From, To: said.To, Said: said, N: int(c.counts.TotalFailures)}
			followed := m.branch(c)
			followed.deviate(deviation{kind: unfounded, t: t, said: said})
			followed.told[k]++
			m.change(followed, t, span{said.Line.At - turnaround, said.Line.At, s.at})
		}
		m.ignore(c, k, said)
	}
}

// refuse is an operation that ended without an attempt that was due: at some time the breaker must have refused.
func (m *machine) refuse(c *course, s *step) {
	for _, w := range c.shut {
		if w.lo <= s.when.hi && s.when.lo <= w.hi && w.hi > 0 {
			c.last = &mark{before: c.last, refused: s.o}
			return
		}
	}
	if s.maybe {
		c.deviate(deviation{kind: abandoned, o: s.o})
	} else {
		c.deviate(deviation{kind: unrefused, o: s.o})
	}
}

// renewed tells whether a new window of the closed state has begun: lazily, when its interval has gone by. It is
// not sure of it near the edge.
func (m *machine) renewed(c *course, s *step) (yes, sure bool) {
	switch {
	case c.fresh:
		c.fresh, c.since = false, s.span
		return false, true
	case m.Policy.Interval <= 0 || s.to <= c.since.from+m.Policy.Interval:
		return false, true
	}
	return s.at > c.since.at+m.Policy.Interval, s.from > c.since.to+m.Policy.Interval
}
