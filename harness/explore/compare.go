package explore

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/halfopen/halfopen/harness/oracle"
)

// A Comparison is what an edit of a spec changes: the same cases, under the old spec and the new one.
type Comparison struct {
	Format  string   `json:"format"` // halfopen-explore-compare/1
	Old     string   `json:"old_policies"`
	New     string   `json:"new_policies"`
	Cases   int      `json:"cases"` // told under both
	Differ  int      `json:"differ"`
	Figures []Figure `json:"figures"`
	Most    []Pair   `json:"differ_most"`
	Gone    []string `json:"changes_gone,omitempty"` // regime changes of the old spec alone
	Come    []string `json:"changes_come,omitempty"` // of the new one alone
}

// A Figure is one measure under both specs, in seconds or attempts an order.
type Figure struct {
	What      string  `json:"what"`
	OldMedian float64 `json:"old_median"`
	NewMedian float64 `json:"new_median"`
	OldWorst  float64 `json:"old_worst"`
	NewWorst  float64 `json:"new_worst"`
	Better    int     `json:"better"` // cases in which the new spec is better by more than a millisecond, or a thousandth
	Worse     int     `json:"worse"`
}

// A Pair is one case under both specs.
type Pair struct {
	What string      `json:"what"` // the measure in which it differs most
	Case Case        `json:"case"`
	Old  oracle.Toll `json:"old"`
	New  oracle.Toll `json:"new"`
}

// Compare lays two results of one question side by side.
func Compare(was, is Result) Comparison {
	c := Comparison{Format: "halfopen-explore-compare/1", Old: was.Policies, New: is.Policies, Figures: []Figure{}, Most: []Pair{}}
	differs := make([]bool, len(was.samples))
	for i, m := range measures {
		f := Figure{What: m.name, OldMedian: was.Spread[i].Median, NewMedian: is.Spread[i].Median, OldWorst: was.worst(m), NewWorst: is.worst(m)}
		best, most := -1, 0.0
		for n := range was.samples {
			a, b := was.samples[n].Toll, is.samples[n].Toll
			if a.Cut != "" || b.Cut != "" {
				continue
			}
			switch d := m.of(b) - m.of(a); {
			case d > 0.001:
				f.Worse++
			case d < -0.001:
				f.Better++
			}
			if d := math.Abs(m.of(b) - m.of(a)); d > 0.001 {
				differs[n] = true
				if d > most {
					best, most = n, d
				}
			}
			differs[n] = differs[n] || RegimeOf(a) != RegimeOf(b)
		}
		c.Figures = append(c.Figures, f)
		if best >= 0 {
			c.Most = append(c.Most, Pair{m.name, was.samples[best].Case, was.samples[best].Toll, is.samples[best].Toll})
		}
	}
	for n := range was.samples {
		if was.samples[n].Toll.Cut == "" && is.samples[n].Toll.Cut == "" {
			c.Cases++
			if differs[n] {
				c.Differ++
			}
		}
	}
	c.Gone, c.Come = without(was.Changes, is.Changes), without(is.Changes, was.Changes)
	return c
}

// worst is the greatest value of a measure.
func (r Result) worst(m measure) float64 {
	for _, w := range r.Worst {
		if w.What == m.name {
			return w.Value
		}
	}
	return 0
}

// without says the changes of one result that the other has not. Specs name the same thing in different words, so what
// happens is compared.
func without(all, those []Change) (out []string) {
	for _, c := range all {
		if !slices.ContainsFunc(those, func(o Change) bool { return c.alike(o) && slices.Equal(c.Callers, o.Callers) }) {
			out = append(out, c.String())
		}
	}
	return out
}

// WriteComparison tells a comparison on a terminal.
func WriteComparison(w io.Writer, c Comparison) {
	fmt.Fprintf(w, "old: %s\nnew: %s\n\n", c.Old, c.New)
	fmt.Fprintf(w, "%d of %d cases differ\n\n", c.Differ, c.Cases)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\told median\tnew median\told worst\tnew worst\tbetter in\tworse in\t")
	for _, f := range c.Figures {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t\n", unit(f.What), number(f.OldMedian), number(f.NewMedian), number(f.OldWorst), number(f.NewWorst), f.Better, f.Worse)
	}
	t.Flush()
	if len(c.Most) > 0 {
		fmt.Fprintln(w, "\ncases that differ most")
	}
	for _, p := range c.Most {
		m := measures[slices.IndexFunc(measures, func(m measure) bool { return m.name == p.What })]
		fmt.Fprintf(w, "  %s: %s, was %s\n    %s\n", unit(p.What), value(m, p.New), value(m, p.Old), p.Case)
	}
	tell := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(w, "\n%s\n", title)
		}
		for _, l := range lines[:min(len(lines), 20)] {
			fmt.Fprintf(w, "  %s\n", l)
		}
		if n := len(lines) - 20; n > 0 {
			fmt.Fprintf(w, "  … and %d more (--format json prints all)\n", n)
		}
	}
	tell("what holds no longer", c.Gone)
	tell("what holds from now on", c.Come)
	if c.Differ == 0 && len(c.Gone)+len(c.Come) == 0 {
		fmt.Fprintln(w, "\nthe edit changes nothing that was swept")
	}
}

func unit(what string) string {
	if what == "amplification" {
		return "attempts an order"
	}
	return cmp.Or(map[string]string{"recovery": "recovery, s", "hang": "longest hang, s"}[what], what)
}

func value(m measure, t oracle.Toll) string {
	if t.Never && m.name == "recovery" {
		return "never"
	}
	return number(m.of(t))
}
