package baseline

import (
	"fmt"
	"math"
	"slices"

	"github.com/halfopen/halfopen/harness/oracle"
)

const (
	// Level is how likely a gate may be, over all that it compares, to call runs worse that are not.
	Level = 0.01
	// MostAgain is how many runs of one scenario are asked for, at most, to tell a worsening from chance.
	MostAgain = 20
	// early is the share of the level that the first look gets: at the fewest runs that could tell. The second look, at
	// twice as many, gets the rest; it sees a worsening that an outlier among the accepted runs hides from the first.
	early = 0.6
)

// A Comparison is all that the comparison of one scenario's runs rests on. It is saved with each of them.
type Comparison struct {
	Format   string    `json:"format"`   // halfopen-comparison/1
	Accepted *Accepted `json:"accepted"` // null where nothing was
	Edited   bool      `json:"edited,omitempty"`
	Family   int       `json:"family"` // how many figures the same gate compares, over all its scenarios
	Runs     []Sample  `json:"runs"`   // those compared: all that could be judged
	Left     int       `json:"left,omitempty"`
}

// CompareFormat names this form of a comparison.
const CompareFormat = "halfopen-comparison/1"

const doc = "recovery, time to trip, amplification, refused orders and latency are no worse than accepted"

// Family is how many figures of what was accepted can be compared.
func (a *Accepted) Family() int {
	n := 0
	for _, f := range figures() {
		if slices.ContainsFunc(a.Runs, func(s Sample) bool { return !math.IsInf(f.of(s), 1) }) {
			n++
		}
	}
	return n
}

// Judge compares. A figure is worse where the exact Mann-Whitney test says so at [Level], shared among all figures of
// the gate; a run counts as larger than an accepted one only beyond [Margin] and what both runs measured their
// machines to be late. It is unknown where all runs look worse, and are too few to tell that from chance.
func (c Comparison) Judge() (oracle.Result, []oracle.Difference) {
	r := oracle.Result{Check: oracle.Baseline, Doc: doc, Outcome: oracle.Unknown, Applies: true}
	switch {
	case c.Accepted == nil:
		r.Why = "nothing was accepted yet for this scenario in this environment (halfopen baseline update RUN…)"
		return r, nil
	case len(c.Runs) == 0:
		r.Why = "no run could be judged, so there is nothing to compare"
		return r, nil
	}
	var differences []oracle.Difference
	for _, f := range figures() {
		if d, ok := c.compare(f); ok {
			differences = append(differences, d)
		}
	}
	r.Outcome, r.Examined = oracle.Pass, len(differences)
	for _, d := range differences {
		switch {
		case d.Outcome == oracle.Fail:
			r.Outcome, r.Why = oracle.Fail, ""
			r.Findings = append(r.Findings, oracle.Finding{What: c.sentence(d), Want: d.Accepted.In(d.Unit), Got: d.Now.In(d.Unit)})
		case d.Outcome == oracle.Unknown && r.Outcome == oracle.Pass:
			r.Outcome, r.Why = oracle.Unknown, d.Why
		}
	}
	if r.Examined == 0 {
		r.Outcome, r.Why = oracle.Unknown, "no figure is there both now and then"
	}
	return r, differences
}

// TooFew is how many runs it takes to look again, where what looks worse can't be told from chance yet; 0 where nothing
// looks worse, or no number would do. Who plays again must not look in between: each look is a chance to err.
func (c Comparison) TooFew() int {
	r, differences := c.Judge()
	if r.Outcome != oracle.Unknown || c.Accepted == nil {
		return 0
	}
	for _, d := range differences {
		if d.Outcome == oracle.Unknown {
			if m := c.next(); m > len(c.Runs) {
				return m
			}
		}
	}
	return 0
}

// next is the number of runs of the next look; 0 where there is none.
func (c Comparison) next() int {
	first := needed(len(c.Accepted.Runs), c.level()*early, MostAgain)
	switch second := min(2*first, MostAgain); {
	case first == 0:
		return 0
	case len(c.Runs) < first:
		return first
	case len(c.Runs) < second:
		return second
	}
	return 0
}

// level is what one figure gets of the gate's.
func (c Comparison) level() float64 { return Level / float64(max(1, c.Family)) }

// now is what this look gets of it.
func (c Comparison) now() float64 {
	if first := needed(len(c.Accepted.Runs), c.level()*early, MostAgain); first > 0 && len(c.Runs) > first {
		return c.level() * (1 - early)
	}
	return c.level() * early
}

func (c Comparison) compare(f figure) (d oracle.Difference, ok bool) {
	d = oracle.Difference{Figure: f.name, Unit: f.unit, Accepted: spread(f, c.Accepted.Runs), Now: spread(f, c.Runs), Outcome: oracle.Pass}
	if d.Accepted.Runs == 0 && d.Now.Runs == 0 {
		return d, false
	}
	n, m := len(c.Accepted.Runs), len(c.Runs)
	worse, better := 0, 0
	for _, before := range c.Accepted.Runs {
		for _, now := range c.Runs {
			switch {
			case f.worse(before, now):
				worse++
			case f.worse(now, before):
				better++
			}
		}
	}
	d.P = tail(n, m, worse)
	switch {
	case worse > 0 && d.P <= c.now():
		d.Outcome = oracle.Fail
	case 2*worse > n*m && c.next() > 0:
		d.Outcome = oracle.Unknown
		d.Why = fmt.Sprintf("%s looks worse, %s now and %s accepted, and %s can't tell it from chance: with %d accepted it takes %d",
			f.name, d.Now.In(f.unit), d.Accepted.In(f.unit), runs(m), n, c.next())
	case worse == n*m:
		d.Outcome = oracle.Unknown
		d.Why = fmt.Sprintf("%s looks worse, %s now and %s accepted, and %s accepted are too few to tell it from chance: accept 10",
			f.name, d.Now.In(f.unit), d.Accepted.In(f.unit), runs(n))
	case f.blind(c.Accepted.Runs, c.Runs, d.Accepted.Median):
		d.Outcome = oracle.Unknown
		d.Why = fmt.Sprintf("%s can't be compared: the machine was too late to see %s doubled", f.name, oracle.Amount(d.Accepted.Median, f.unit))
	case better == n*m:
		d.Why = "better: halfopen baseline update keeps it so"
	}
	return d, true
}

// blind tells whether a figure was well above what machines were late by when it was accepted, and would be lost in
// that now even if it doubled. A figure below half a second is too small to ask that of a busy machine.
func (f figure) blind(accepted, now []Sample, median float64) bool {
	const small = 0.5
	if f.unit != "s" || median < small {
		return false
	}
	for _, s := range accepted {
		if f.slack(s) > median/2 {
			return false
		}
	}
	for _, s := range now {
		if f.slack(s) <= median {
			return false
		}
	}
	return true
}

func spread(f figure, samples []Sample) oracle.Range {
	s := oracle.Range{Of: len(samples)}
	var values []float64
	for _, x := range samples {
		if v := f.of(x); !math.IsInf(v, 1) {
			values = append(values, v)
		}
	}
	if s.Runs = len(values); s.Runs == 0 {
		return s
	}
	slices.Sort(values)
	s.Least, s.Median, s.Most = values[0], values[(len(values)-1)/2], values[len(values)-1]
	return s
}

// sentence says a worsening.
func (c Comparison) sentence(d oracle.Difference) string {
	text := fmt.Sprintf("%s: %s in %s, %s accepted in %s", d.Figure, d.Now.In(d.Unit), runs(len(c.Runs)), d.Accepted.In(d.Unit), runs(len(c.Accepted.Runs)))
	if d.Change() > 0 {
		text += fmt.Sprintf(": %.0f %% worse", 100*d.Change())
	}
	text += fmt.Sprintf(" (chance explains it with p = %.2g)", d.P)
	if c.Edited {
		text += "; the scenario itself was edited since"
	}
	return text
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

// Group gathers runs by what they can be compared with, in the order in which they come.
type Group struct {
	Key
	ScenarioSHA256, SpecSHA256 string
	Runs                       []oracle.Verdict
}

// Compare makes the comparison of a group; family is that of the gate.
func (b *Baseline) Compare(g Group, family int) Comparison {
	c := Comparison{Format: CompareFormat, Accepted: b.For(g.Key), Family: family, Runs: []Sample{}}
	for _, v := range g.Runs {
		if v.Outcome == oracle.Unknown || len(c.Runs) == MostRuns {
			c.Left++
			continue
		}
		c.Runs = append(c.Runs, Of(v))
	}
	c.Edited = c.Accepted != nil && c.Accepted.ScenarioSHA256 != g.ScenarioSHA256
	return c
}

// Needed is how many runs that are all worse tell that from chance, in a gate of so many figures; 0 where no number of
// runs that anybody would wait for does.
func (a *Accepted) Needed(family int) int {
	return needed(len(a.Runs), early*Level/float64(max(1, family)), MostAgain)
}

// Spreads are the figures that were accepted, without anything to compare them with.
func (a *Accepted) Spreads() []oracle.Difference {
	var out []oracle.Difference
	for _, f := range figures() {
		if s := spread(f, a.Runs); s.Runs > 0 {
			out = append(out, oracle.Difference{Figure: f.name, Unit: f.unit, Accepted: s})
		}
	}
	return out
}
