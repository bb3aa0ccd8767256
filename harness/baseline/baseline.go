// Package baseline is what runs showed when somebody accepted them, and whether later runs are worse.
package baseline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
)

// Format names this form of a baseline.
const Format = "halfopen-baseline/1"

// MostRuns is how many runs of one scenario are kept, or compared, at most.
const MostRuns = 100

// A Baseline is all that was accepted, by scenario, environment and sidecar.
type Baseline struct {
	Format    string     `json:"format"`
	Scenarios []Accepted `json:"scenarios"`
}

// An Accepted is what the runs of one scenario in one environment showed.
type Accepted struct {
	Key
	ScenarioSHA256 string   `json:"scenario_sha256"`
	SpecSHA256     string   `json:"spec_sha256,omitempty"`
	Runs           []Sample `json:"runs"`
}

// A Key says what can be compared with what.
type Key struct {
	Scenario string `json:"scenario"`
	Env      string `json:"env"`
	Sidecar  string `json:"sidecar"` // builtin | daprd
}

func (k Key) String() string { return k.Scenario + " in " + k.Env }

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Scenario, b.Scenario), cmp.Compare(a.Env, b.Env), cmp.Compare(a.Sidecar, b.Sidecar))
}

// A Sample is one run: its figures, and by how much they may be off.
type Sample struct {
	Run     string         `json:"run"`
	Slack   oracle.Slack   `json:"slack"`
	Figures oracle.Figures `json:"figures"`
}

// Of takes a run's sample from its verdict.
func Of(v oracle.Verdict) Sample { return Sample{Run: v.Run, Slack: v.Slack, Figures: v.Figures} }

// For finds what was accepted; nil where nothing was.
func (b *Baseline) For(k Key) *Accepted {
	for i := range b.Scenarios {
		if b.Scenarios[i].Key == k {
			return &b.Scenarios[i]
		}
	}
	return nil
}

// Accept puts runs in the place of those that were accepted for the same scenario, environment and sidecar.
func (b *Baseline) Accept(a Accepted) {
	b.Format = Format
	slices.SortFunc(a.Runs, func(x, y Sample) int { return cmp.Compare(x.Run, y.Run) })
	if old := b.For(a.Key); old != nil {
		*old = a
		return
	}
	b.Scenarios = append(b.Scenarios, a)
	slices.SortFunc(b.Scenarios, func(x, y Accepted) int { return compareKeys(x.Key, y.Key) })
}

// Write gives the bytes of a baseline's file: a run a line, so that a change shows as what it is.
func (b Baseline) Write() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\n  %q: %q,\n  %q: [", "format", Format, "scenarios")
	for i, a := range b.Scenarios {
		fmt.Fprintf(&out, "%s\n    {\n", comma(i))
		for _, f := range [][2]string{
			{"scenario", a.Scenario}, {"env", a.Env}, {"sidecar", a.Sidecar}, {"scenario_sha256", a.ScenarioSHA256}, {"spec_sha256", a.SpecSHA256},
		} {
			if f[1] != "" {
				fmt.Fprintf(&out, "      %q: %s,\n", f[0], compact(f[1]))
			}
		}
		fmt.Fprintf(&out, "      %q: [", "runs")
		for j, s := range a.Runs {
			fmt.Fprintf(&out, "%s\n        %s", comma(j), compact(s))
		}
		out.WriteString("\n      ]\n    }")
	}
	out.WriteString("\n  ]\n}\n")
	return out.Bytes()
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func compact(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it is made of what JSON can hold
	}
	return text
}

// Parse reads a baseline's file. What is wrong with it comes at once, as a problem.List.
func Parse(file string, text []byte) (Baseline, error) {
	const hint = "halfopen baseline update RUN… writes one"
	var b Baseline
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&b); err != nil {
		return b, problem.List{{File: file, Line: line(text, err, in.InputOffset()), What: "not a baseline: " + strings.TrimPrefix(err.Error(), "json: "), Hint: hint}}
	}
	var out problem.List
	bad := func(field, what, hint string) {
		out = append(out, problem.Problem{File: file, Field: field, What: what, Hint: hint})
	}
	if b.Format != Format {
		bad("format", fmt.Sprintf("%q is not %s", b.Format, Format), hint)
	}
	for i, a := range b.Scenarios {
		field := fmt.Sprintf("scenarios[%d]", i)
		switch {
		case a.Scenario == "" || a.Env == "":
			bad(field, "says not which scenario and environment it is of", hint)
		case b.For(a.Key) != &b.Scenarios[i]:
			bad(field, "is "+a.String()+", which stands here twice", "remove one of them")
		}
		if n := len(a.Runs); n == 0 || n > MostRuns {
			bad(field+".runs", fmt.Sprintf("%d runs", n), fmt.Sprintf("1 to %d", MostRuns))
		}
	}
	return b, out.Err()
}

// line is where reading JSON stopped.
func line(text []byte, err error, at int64) int {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	}
	return 1 + bytes.Count(text[:min(max(at, 0), int64(len(text)))], []byte("\n"))
}
