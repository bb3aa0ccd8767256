package explore

import (
	"cmp"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A measure is something that may be the worst.
type measure struct {
	name string
	of   func(oracle.Toll) float64 // seconds, or attempts an order
}

var measures = []measure{
	{"recovery", func(t oracle.Toll) float64 {
		if t.Never {
			return 0 // told by itself
		}
		return t.Recovery.Seconds()
	}},
	{"hang", func(t oracle.Toll) float64 { return t.Hang.Seconds() }},
	{"amplification", oracle.Toll.Amplification},
}

// A Worst is the worst case of one kind, and the scenario that shows it.
type Worst struct {
	What  string      `json:"what"`  // recovery | hang | amplification
	Value float64     `json:"value"` // seconds; amplification: attempts an order
	Case  Case        `json:"case"`
	Toll  oracle.Toll `json:"toll"`  // of the way that was drawn
	Shown Case        `json:"shown"` // what the scenario plays: the same, but its fault keeps apart from attempts
	Least oracle.Toll `json:"least"` // of what is shown, over all the ways in which it may go
	Most  oracle.Toll `json:"most"`
	Flags []string    `json:"flags,omitempty"` // checks that fail in a run of it, as they should
}

// worst finds the worst case of one kind; nil where there is none at all.
func (s *Sweeper) worst(m measure, samples []Sample) *Worst {
	best := -1
	for i := range samples {
		if samples[i].Toll.Cut == "" && (best < 0 || m.of(samples[i].Toll) > m.of(samples[best].Toll)) {
			best = i
		}
	}
	if best < 0 || m.of(samples[best].Toll) == 0 {
		return nil
	}
	w := Worst{What: m.name, Case: samples[best].Case}
	w.Shown = w.Case
	if m.name == "recovery" {
		w.Case = s.sharpen(w.Case)
		w.Shown = s.steady(w.Case)
	}
	w.Toll = s.toll(w.Case)
	w.Value = m.of(w.Toll)
	w.Least, w.Most = s.seer.All(s.Plan(w.Shown))
	if s.waits(w.Shown) {
		w.Flags = []string{"waits-bounded"}
	}
	return &w
}

// waits tells whether an attempt that nothing but the healing ends is on its way when a cut is healed: without a timeout
// in the spec, each one until its caller leaves.
func (s *Sweeper) waits(c Case) bool {
	if c.Fault != scenario.Cut || s.spec.For(s.q.Caller, s.q.Target).Timeout != nil {
		return false
	}
	forecast := oracle.Foresee(s.Plan(c), s.spec)
	healed := forecast.Zero.Lo + c.Outage
	return slices.ContainsFunc(forecast.Rows, func(r oracle.Foreseen) bool {
		return r.Kind == "attempt" && r.At.Lo >= forecast.Zero.Lo && r.At.Lo < healed && (s.q.Timeout == 0 || r.At.Lo+s.q.Timeout > healed)
	})
}

// sharpen makes a recovery the longest of its kind: the target comes back just after an attempt that failed. As long
// as no attempt lies between, each millisecond sooner is one that recovery takes longer.
func (s *Sweeper) sharpen(c Case) Case {
	before := s.toll(c)
	sooner := func(d time.Duration) bool {
		e := c
		e.Outage -= d
		t := s.toll(e)
		return !t.Never && t.Cut == "" && t.Recovery == before.Recovery+d
	}
	const grid = time.Millisecond
	lo, hi := time.Duration(0), c.Outage/grid // lo holds
	for lo+1 < hi {
		if mid := (lo + hi) / 2; sooner(mid * grid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	c.Outage -= lo * grid
	return c
}

// apart keeps the two ends of a fault away from attempts, so that a machine that is late shows the same.
func (s *Sweeper) apart(c Case) Case {
	room := min(s.q.Apart, s.toll(c).Recovery/4, c.Every/4).Truncate(time.Millisecond)
	if room <= 0 {
		return c
	}
	lead := min(max(c.Lead, room+offGrid), c.Every-room-offGrid)
	c.Outage += lead - c.Lead + room
	c.Lead = lead
	c.Outage = max(c.Outage, time.Millisecond)
	return c
}

// steady is what a scenario plays of a case: its fault apart from attempts, and its callers early enough. Recovery is
// longest where an order comes just before the open breaker lets one pass. An order that is late comes after that, and is
// accepted: so where that makes recovery another one, the pause is shortened by as much as callers may be late.
func (s *Sweeper) steady(c Case) Case {
	shown := s.apart(c)
	t := s.toll(shown)
	room := min(s.q.Apart, shown.Every/4)
	step := (room / time.Duration(max(1, t.Refused/max(1, c.Callers)))).Truncate(time.Millisecond)
	late := func(c Case, by time.Duration) time.Duration {
		c.Every += by
		return s.toll(c).Recovery
	}
	if step <= 0 || late(shown, step) >= t.Recovery-room {
		return shown
	}
	c.Every -= step
	if c.Every < s.q.Every.Lo || c.Lead > c.Every-offGrid {
		return shown
	}
	early := s.apart(c)
	if got := s.toll(early); got.Never || got.Cut != "" || got.Recovery < t.Recovery-2*room || late(early, step) < got.Recovery-room {
		return shown
	}
	return early
}

// A Spread is how a figure lies over all cases.
type Spread struct {
	What   string  `json:"what"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	P99    float64 `json:"p99"`
	Most   float64 `json:"most"`
}

func spread(m measure, samples []Sample) Spread {
	values := make([]float64, 0, len(samples))
	for i := range samples {
		if samples[i].Toll.Cut == "" {
			values = append(values, m.of(samples[i].Toll))
		}
	}
	slices.SortFunc(values, cmp.Compare)
	at := func(part float64) float64 {
		if len(values) == 0 {
			return 0
		}
		return values[int(part*float64(len(values)-1))]
	}
	return Spread{m.name, at(0.5), at(0.9), at(0.99), at(1)}
}
