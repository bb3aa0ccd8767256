package oracle

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Baseline is the name of the result that a comparison with accepted runs adds to a verdict. It is no check of the
// history: it takes other runs.
const Baseline = "baseline"

// Warn is the severity of a check whose failure is told and does not count.
const Warn = "warn"

// Controls names the checks without which a run shows nothing: none of them can be a mere warning.
func Controls() []string {
	return []string{policyLoaded.Name, faultEffective.Name, faultHealed.Name, attemptsBelong.Name}
}

// CheckNames are all that a scenario may name, the comparison with a baseline among them.
func CheckNames() []string {
	var out []string
	for _, c := range Checks() {
		out = append(out, c.Name)
	}
	return append(out, Baseline)
}

// A Difference is one figure of runs beside what was accepted before.
type Difference struct {
	Figure   string  `json:"figure"`         // recovery
	Unit     string  `json:"unit,omitempty"` // s for seconds; "" for a plain number
	Accepted Range   `json:"accepted"`
	Now      Range   `json:"now"`
	P        float64 `json:"p"` // how likely unchanged runs look at least as bad
	Outcome  Outcome `json:"outcome"`
	Why      string  `json:"why,omitempty"`
}

// A Range is a figure over several runs.
type Range struct {
	Runs   int     `json:"runs"` // that have it at all
	Of     int     `json:"of"`
	Least  float64 `json:"least"`
	Median float64 `json:"median"`
	Most   float64 `json:"most"`
}

// Change is how much larger the median is than it was: 0.3 for 30 %. 0 where there is nothing to divide by.
func (d Difference) Change() float64 {
	if d.Accepted.Median == 0 || d.Accepted.Runs == 0 || d.Now.Runs == 0 {
		return 0
	}
	return d.Now.Median/d.Accepted.Median - 1
}

// With adds to a verdict what is known from elsewhere than the run's own history. It can only make it worse.
func (v Verdict) With(r Result, differences []Difference) Verdict {
	v.Results = append(append([]Result(nil), v.Results...), r)
	v.Why = append([]string(nil), v.Why...)
	v.Differences = differences
	if !r.Applies || r.Outcome == Pass {
		return v
	}
	v.Why = append(v.Why, r.Because())
	switch {
	case r.Severity == Warn:
	case r.Outcome == Fail:
		v.Outcome = Fail
	case v.Outcome == Pass:
		v.Outcome = Unknown
	}
	return v
}

// Because is the sentence for a result that is not a pass.
func (r Result) Because() string {
	what := r.Why
	if r.Outcome == Fail {
		what = r.Doc
		if len(r.Findings) > 0 {
			what = r.Findings[0].What
		}
	}
	if r.Severity == Warn {
		return "warning: " + r.Check + ": " + what
	}
	return r.Check + ": " + what
}

// Warned tells whether a check of severity warn failed, or something is probably not what was meant.
func (v Verdict) Warned() bool {
	if len(v.Warnings) > 0 {
		return true
	}
	for _, r := range v.Results {
		if r.Applies && r.Outcome == Fail && r.Severity == Warn {
			return true
		}
	}
	return false
}

// FailOn is the mildest outcome that a command's exit code tells.
type FailOn int

// What a gate fails on: each takes those before it with it.
const (
	OnBroken  FailOn = iota - 1 // a broken promise only
	OnUnknown                   // and what could not be judged: the default
	OnWarning                   // and warnings: a check that failed whose severity is warn, and what is probably not meant
)

// ParseFailOn reads broken, unknown or warn.
func ParseFailOn(text string) (FailOn, error) {
	known := map[string]FailOn{"broken": OnBroken, "unknown": OnUnknown, Warn: OnWarning}
	f, ok := known[strings.ToLower(text)]
	if !ok {
		return f, fmt.Errorf("--fail-on %q: want broken, unknown (broken promises and what could not be judged) or warn (warnings too)", text)
	}
	return f, nil
}

// Exit is the code that a command ends with: 0 all kept, 1 a promise broken, 3 could not judge.
func (v Verdict) Exit() int { return v.ExitOn(OnUnknown) }

// ExitOn is the same for a gate that is stricter or milder. A run without its negative control shows nothing, and
// nobody can let that pass.
func (v Verdict) ExitOn(f FailOn) int {
	switch {
	case v.Outcome == Fail:
		return 1
	case v.Outcome != Pass && (f >= OnUnknown || v.NoControl != ""):
		return 3
	case f >= OnWarning && v.Warned():
		return 1
	}
	return 0
}

// In writes a spread for people: 2.004s (1.998s to 2.01s), or never.
func (s Range) In(unit string) string {
	switch {
	case s.Runs == 0:
		return "never"
	case s.Runs < s.Of:
		return fmt.Sprintf("%s, and in %d of %d never", Amount(s.Median, unit), s.Of-s.Runs, s.Of)
	case s.Runs == 1 || s.Least == s.Most:
		return Amount(s.Median, unit)
	}
	return fmt.Sprintf("%s (%s to %s)", Amount(s.Median, unit), Amount(s.Least, unit), Amount(s.Most, unit))
}

// Amount writes a number in a unit.
func Amount(v float64, unit string) string {
	if unit == "s" {
		return time.Duration(v * float64(time.Second)).Round(time.Millisecond).String()
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}
