package oracle

import (
	"fmt"
	"slices"
	"time"
)

// A Timing is one wait of a sidecar, held against what the spec says exactly. It judges nothing: it is the number from
// which people see how exact a sidecar and a machine are. Gaps drawn at random have no exact length and are left out.
type Timing struct {
	Kind string        `json:"kind"` // gap: the pause before a retry; open: of an open breaker, until its probe
	What string        `json:"what"` // attempt 3 of order 5
	At   time.Duration `json:"at_ns"`
	Want time.Duration `json:"want_ns"`
	Got  time.Duration `json:"got_ns"`
}

// Kinds of timings.
const (
	TimingGap  = "gap"
	TimingOpen = "open"
)

// Error is how far off it was; negative where it was too short.
func (t Timing) Error() time.Duration { return t.Got - t.Want }

// A Spread is how a number of errors are spread, by their size.
type Spread struct {
	N      int           `json:"n"`
	Median time.Duration `json:"median_ns"`
	P99    time.Duration `json:"p99_ns"`
	Worst  time.Duration `json:"worst_ns"`
}

// SpreadOf gives the spread of some durations, by their size; nil of none.
func SpreadOf(of []time.Duration) *Spread {
	if len(of) == 0 {
		return nil
	}
	sizes := make([]time.Duration, len(of))
	for i, d := range of {
		sizes[i] = d.Abs()
	}
	slices.Sort(sizes)
	// The nearest rank: the smallest that at least this share of all does not exceed.
	rank := func(percent int) time.Duration { return sizes[max(0, (len(sizes)*percent+99)/100-1)] }
	return &Spread{N: len(sizes), Median: rank(50), P99: rank(99), Worst: sizes[len(sizes)-1]}
}

// Timings gives all timings of a run, as its taps saw them.
func Timings(c Case) []Timing {
	if c.History == nil {
		return nil
	}
	out, _ := guarded(func() (out []Timing) {
		read(c).timings(func(t Timing, what func() string) {
			t.What = what()
			out = append(out, t)
		})
		return out
	})
	return out
}

// timings tells each of them, without its words: who only counts needs none.
func (r *Reading) timings(tell func(t Timing, what func() string)) {
	due := map[*Exchange]time.Duration{} // when the spec has an attempt that is a probe, as far as its own operation goes
	for _, b := range r.Breakers {
		for _, t := range b.Transitions {
			if t.To == halfOpen && t.By != nil {
				due[t.By] = forever
			}
		}
	}
	for _, o := range r.Operations {
		if o.blurred {
			continue
		}
		for i, x := range o.Attempts {
			at := o.Start()
			if i > 0 {
				end, ended := o.Attempts[i-1].End()
				turn := o.Turns[i-1]
				if !ended || !turn.may || turn.pause.lo != turn.pause.hi {
					continue
				}
				at = end + turn.pause.lo
				tell(Timing{Kind: TimingGap, At: x.Start(), Want: turn.pause.lo, Got: x.Start() - end}, func() string {
					return fmt.Sprintf("attempt %d of %s", i+1, o.order())
				})
			}
			if _, probe := due[x]; probe {
				due[x] = at
			}
		}
	}
	for _, b := range r.Breakers {
		for _, t := range b.Transitions {
			if t.To != halfOpen || t.By == nil || due[t.By] == forever {
				continue
			}
			// Half-open is lazy: it begins with the first attempt that is due once the open time is over.
			_, opened := b.at(t.At - 1)
			want := max(b.Policy.Timeout, due[t.By]-opened)
			tell(Timing{Kind: TimingOpen, At: t.By.Start(), Want: want, Got: t.By.Start() - opened}, func() string {
				return "the breaker " + b.Name()
			})
		}
	}
}

// spreads gives the errors of a run's gaps and open times.
func spreads(r *Reading) (gaps, opens *Spread) {
	errs := map[string][]time.Duration{}
	r.timings(func(t Timing, _ func() string) { errs[t.Kind] = append(errs[t.Kind], t.Error()) })
	return SpreadOf(errs[TimingGap]), SpreadOf(errs[TimingOpen])
}
