package explore

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Regime is what kinds of things may happen in a case, as bits.
type Regime uint8

// Kinds of things that happen, or do not.
const (
	Opens   Regime = 1 << iota // the breaker opens
	GivesUp                    // an order that is being retried ends because the open breaker refuses it
	Refuses                    // orders are refused at once
	Fails                      // retries run out, and callers are told a failure
	Leaves                     // callers' own patience ends
	Never                      // no order is accepted again
)

// RegimeOf is the regime of one way.
func RegimeOf(t oracle.Toll) (r Regime) {
	for _, c := range []struct {
		is  bool
		bit Regime
	}{
		{t.Opened > 0, Opens}, {t.GivenUp > 0, GivesUp}, {t.Refused > 0, Refuses}, {t.Failed > 0, Fails},
		{t.Left > 0, Leaves}, {t.Never, Never},
	} {
		if c.is {
			r |= c.bit
		}
	}
	return r
}

// Words say what happens in a regime, one thing each.
func (r Regime) Words(p resiliency.Policies) []string {
	up, out := "the open breaker ends orders that are being retried", "orders end when their retries run out"
	if p.Retry != nil && p.Retry.MaxRetries == resiliency.Forever {
		up = "maxRetries −1 gives up: the open breaker ends orders that are being retried"
	}
	if p.Retry == nil && p.Builtin == nil {
		out = "callers are told failures"
	}
	var words []string
	for i, w := range []string{
		"the breaker opens", up, "orders are refused at once", out, "callers leave before they are told", "no order is accepted again",
	} {
		if r&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

// drawnWays is in how many ways a case is played to see what may happen in it.
const drawnWays = 12

// regime is what may happen in a case: in any of some ways, where it may go several.
func (s *Sweeper) regime(c Case) (r Regime, told bool) {
	ways := drawnWays
	p := s.spec.For(s.q.Caller, s.q.Target)
	if c.Callers == 1 && c.Fault != scenario.Latency && s.q.Timeout == 0 && !p.Draws() {
		ways = 1 // nothing is left open
	}
	for range ways {
		t := s.toll(c)
		c.Way += seeds // another way of the same scenario
		if t.Cut != "" {
			return 0, false
		}
		r |= RegimeOf(t)
	}
	return r, true
}

// A Change is where, along one dimension and with all others held, what happens changes in kind.
type Change struct {
	Dimension string   `json:"dimension"` // outage | callers | every | latency | ratio | phase
	From      string   `json:"from"`      // the first value on the far side, exact to a millisecond, one caller, or a thousandth
	Starts    []string `json:"starts,omitempty"`
	Stops     []string `json:"stops,omitempty"`
	Below     Case     `json:"below"` // the last case before
	At        Case     `json:"at"`    // the first case after
	Callers   []int    `json:"callers"`

	starts, stops Regime
}

// alike tells whether the same changes at the same place, for whatever number of callers.
func (c Change) alike(o Change) bool {
	return o.Dimension == c.Dimension && o.From == c.From && o.At.Fault == c.At.Fault && o.starts == c.starts && o.stops == c.stops
}

// A dimension is walked in steps of its unit, all else held.
type dimension struct {
	name   string
	lo, hi int64
	set    func(c *Case, v int64)
	text   func(v int64) string
}

func spanOf(name string, s Span, set func(*Case, time.Duration)) dimension {
	return dimension{
		name, int64(max(s.Lo/time.Millisecond, 1)), int64(s.Hi / time.Millisecond),
		func(c *Case, v int64) { set(c, time.Duration(v)*time.Millisecond) },
		func(v int64) string { return (time.Duration(v) * time.Millisecond).String() },
	}
}

// changes walks all dimensions from the home story out.
func (s *Sweeper) changes() []Change {
	q := s.q
	outage := spanOf("outage", q.Outage, func(c *Case, d time.Duration) { c.Outage = d })
	every := spanOf("every", q.Every, func(c *Case, d time.Duration) { c.Every, c.Lead = d, 0 })
	latency := spanOf("latency", q.Latency, func(c *Case, d time.Duration) { c.Latency = d })
	count := dimension{"callers", int64(q.Callers.Lo), int64(q.Callers.Hi), func(c *Case, v int64) { c.Callers = int(v) }, func(v int64) string { return fmt.Sprint(v) }}
	ratio := dimension{
		"ratio", int64(math.Ceil(q.Ratio.Lo * 1000)), int64(q.Ratio.Hi * 1000), func(c *Case, v int64) { c.Ratio = float64(v) / 1000 },
		func(v int64) string { return fmt.Sprintf("%g %%", float64(v)/10) },
	}
	var out []Change
	for _, fault := range q.Faults {
		home := Case{Fault: fault, Outage: q.Outage.Hi, Callers: q.Callers.Lo, Every: min(max(time.Second, q.Every.Lo), q.Every.Hi), Latency: q.Latency.Hi, Ratio: q.Ratio.Hi}
		phase := spanOf("phase", Span{0, home.Every - time.Millisecond}, func(c *Case, d time.Duration) { c.Lead = d })
		dimensions := []dimension{outage, every, phase}
		if fault == scenario.Latency {
			dimensions = append(dimensions, latency)
		}
		if fault == scenario.Respond {
			dimensions = append(dimensions, ratio)
		}
		out = append(out, s.walk(count, home)...)
		for _, n := range few(q.Callers) {
			home.Callers = n
			for _, d := range dimensions {
				out = append(out, s.walk(d, home)...)
			}
		}
	}
	return together(out)
}

// few are numbers of callers that are looked at one by one.
func few(r Range) []int {
	var out []int
	for _, n := range []int{r.Lo, r.Lo + 1, r.Lo + 2, r.Hi} {
		if n <= r.Hi && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// walk looks at points of a dimension and bisects between each two that differ.
func (s *Sweeper) walk(d dimension, c Case) (out []Change) {
	look := func(v int64) (Case, Regime, bool) {
		e := c
		d.set(&e, v)
		e = e.tidy()
		r, told := s.regime(e)
		return e, r, told
	}
	var between func(a, b int64, ra, rb Regime)
	between = func(a, b int64, ra, rb Regime) {
		if ra == rb {
			return
		}
		if b-a == 1 {
			below, _, _ := look(a)
			at, _, _ := look(b)
			p := s.spec.For(s.q.Caller, s.q.Target)
			out = append(out, Change{
				Dimension: d.name, From: d.text(b), Starts: (rb &^ ra).Words(p), Stops: (ra &^ rb).Words(p), Below: below, At: at, Callers: []int{c.Callers},
				starts: rb &^ ra, stops: ra &^ rb,
			})
			return
		}
		mid := a + (b-a)/2
		if _, r, told := look(mid); told {
			between(a, mid, ra, r)
			between(mid, b, r, rb)
		}
	}
	last, before := int64(-1), Regime(0)
	for i := range s.points + 1 {
		v := d.point(i, s.points)
		if v == last {
			continue
		}
		_, r, told := look(v)
		if !told {
			last = -1
			continue
		}
		if last >= 0 {
			between(last, v, before, r)
		}
		last, before = v, r
	}
	return out
}

// point is the i-th of some: half of them even over the orders of magnitude of the first quarter, half even over the rest.
func (d dimension) point(i, of int) int64 {
	if d.hi-d.lo <= int64(of) {
		return min(d.lo+int64(i), d.hi)
	}
	half := of / 2
	mid := d.lo + (d.hi-d.lo)/4
	if i >= half {
		return mid + int64(float64(d.hi-mid)*float64(i-half)/float64(of-half))
	}
	low := math.Log(float64(max(d.lo, 1)))
	return min(max(int64(math.Exp(low+(math.Log(float64(mid))-low)*float64(i)/float64(half))), d.lo), mid)
}

// together joins changes that differ in the number of callers alone.
func together(all []Change) (out []Change) {
	for _, c := range all {
		same := func(o Change) bool {
			return o.Dimension != "callers" && c.alike(o)
		}
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i].Callers = append(out[i].Callers, c.Callers...)
		} else {
			out = append(out, c)
		}
	}
	return out
}

// String says a change in a sentence.
func (c Change) String() string {
	var parts []string
	if len(c.Starts) > 0 {
		parts = append(parts, strings.Join(c.Starts, "; "))
	}
	if len(c.Stops) > 0 {
		parts = append(parts, "no longer: "+strings.Join(c.Stops, "; "))
	}
	who := ""
	if c.Dimension != "callers" {
		var n []string
		for _, k := range c.Callers {
			n = append(n, fmt.Sprint(k))
		}
		who = ", callers " + strings.Join(n, " or ")
		if len(n) == 1 {
			who = ", " + callers(c.Callers[0])
		}
	}
	from := map[string]string{
		"outage": "from an outage of %s on", "callers": "from %s callers on", "every": "from a pace of %s on",
		"latency": "from a latency of %s on", "ratio": "from %s failures on", "phase": "where the next order is due %s after the fault or later",
	}[c.Dimension]
	return fmt.Sprintf(from, c.From) + " (" + c.At.Fault + who + "): " + strings.Join(parts, "; ")
}

// A Map is the regimes over outage length and callers, the first fault's.
type Map struct {
	Outages []time.Duration `json:"outages_ns"`
	Callers []int           `json:"callers"`
	Regimes [][]Regime      `json:"regimes"` // by callers, then by outage, as bits: opens 1, gives up 2, refuses 4, fails 8, leaves 16, never 32
}

func (s *Sweeper) drawMap() Map {
	const rows = 12
	var m Map
	q := s.q
	for i := range s.points {
		part := float64(i) / float64(s.points-1)
		m.Outages = append(m.Outages, max((q.Outage.Lo+time.Duration(part*float64(q.Outage.Hi-q.Outage.Lo))).Truncate(time.Millisecond), time.Millisecond))
	}
	for n := q.Callers.Lo; n <= q.Callers.Hi && len(m.Callers) < rows; n++ {
		var row []Regime
		for _, d := range m.Outages {
			c := Case{Fault: q.Faults[0], Outage: d, Callers: n, Every: min(max(time.Second, q.Every.Lo), q.Every.Hi), Latency: q.Latency.Hi, Ratio: q.Ratio.Hi}
			r, _ := s.regime(c.tidy())
			row = append(row, r)
		}
		m.Callers = append(m.Callers, n)
		m.Regimes = append(m.Regimes, row)
	}
	return m
}
