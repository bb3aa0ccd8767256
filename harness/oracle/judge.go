package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Check judges one promise. Run must be pure and needs not to guard against anything: a panic in it makes its
// result unknown.
type Check struct {
	Name string // retry-gap
	Doc  string // the promise, in one sentence
	Run  func(*Reading) Result
}

// Checks are all promises that are judged, in the order in which they are told.
func Checks() []Check {
	return []Check{
		policyLoaded, faultEffective, faultHealed,
		retryGap, retryCount, retryLog, logWording, builtinRetries, attemptTimeout, waitsBounded,
		breakerTrips, breakerOpen, openTime, halfOpenAdmissions, breakerCloses, breakerLog,
		recovery, callerTold, metricsTrue,
		ordersLost, ordersDuplicated, ordersReordered,
		steadyState, attemptsBelong, unaskedExit, waitsEnded, expectLogs,
	}
}

// Judge gives the verdict of a case. It never panics, and the same case gives the same bytes.
func Judge(c Case) Verdict {
	if c.History == nil {
		c.History = &history.History{Flaws: []string{"there is none"}}
	}
	v := Verdict{
		Format: "halfopen-verdict/1", Run: c.History.Header.Run, Scenario: c.Plan.Scenario.Name,
		Env: c.History.Header.Env, Sidecar: sidecar(c), Why: []string{}, Results: []Result{}, Story: []Moment{},
	}
	r, err := guarded(func() *Reading { return read(c) })
	if err != nil {
		v.NoControl = "the history could not be read as a run: " + err.Error()
		v.Outcome, v.Why = Unknown, []string{v.NoControl}
		return v
	}
	v.Slack = r.Slack
	for _, check := range Checks() {
		v.Results = append(v.Results, runCheck(check, r))
	}
	if f, err := guarded(func() Figures { return figures(r) }); err == nil {
		v.Figures = f
	}
	if story, err := guarded(func() []Moment { return tell(r) }); err == nil && story != nil {
		v.Story = story
	}
	v.Warnings = misnamed(c)
	conclude(&v, r)
	return v
}

// misnamed finds targets of the spec that are almost named as an app which is called, and as no service.
func misnamed(c Case) (out []string) {
	told := map[string]bool{}
	for _, caller := range c.Plan.Scenario.Callers() {
		to := caller.Sends.To
		near := c.Spec.Misnamed(to)
		if near == "" || told[to] || c.Plan.Scenario.Service(near) != nil {
			continue
		}
		told[to] = true
		out = append(out, fmt.Sprintf("targets.apps names %s, which is no service, and not %s: in force are %s", near, to, c.Spec.For(caller.Name, to).Why))
	}
	return out
}

// sidecar says which sidecar ran, and that it had another spec than the one that is judged against.
func sidecar(c Case) string {
	name := c.History.Header.Sidecar
	if name == scenario.Daprd { // there are many
		name += " " + c.History.Header.SidecarVersion
	}
	if c.History.Header.SidecarSpec != "" {
		return name + " under another spec"
	}
	return name
}

// runCheck runs one check; a crash is an unknown.
func runCheck(check Check, r *Reading) Result {
	result, err := guarded(func() Result { return check.Run(r) })
	if err != nil {
		result = unknown("the check crashed: %v", err)
	}
	result.Check, result.Doc = check.Name, check.Doc
	if result.Applies && result.Outcome == Pass && result.Examined == 0 {
		result.Outcome, result.Why = Unknown, "there was nothing to examine"
	}
	return result
}

func guarded[T any](do func() T) (out T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return do(), nil
}

// conclude draws the outcome from the results: nothing is certain of a history with flaws; then a broken promise comes
// first, then what could not be judged.
func conclude(v *Verdict, r *Reading) {
	var failed, open, warnings []string
	for i := range v.Results {
		result := &v.Results[i]
		result.Severity = r.Plan.Scenario.Expect.Severity[result.Check]
		switch {
		case !result.Applies || result.Outcome == Pass:
		case result.Severity == Warn:
			warnings = append(warnings, result.Because())
		case result.Outcome == Fail:
			failed = append(failed, result.Check)
			v.Why = append(v.Why, result.Because())
		default:
			open = append(open, result.Because())
			if slices.Contains(Controls(), result.Check) && v.NoControl == "" {
				v.NoControl = result.Because()
			}
		}
	}
	for _, e := range r.problems {
		v.Why = append(v.Why, "the harness: "+clip(e.Error))
	}
	for _, flaw := range r.History.Flaws {
		v.Why = append(v.Why, "history: "+flaw)
		v.NoControl = "history: " + flaw
	}
	v.Why = append(append(v.Why, open...), warnings...)
	sound := len(open) == 0 && len(r.History.Flaws) == 0
	if r.Plan.Scenario.Expect.Verdict == "fail" {
		expectFailure(v, r, failed, sound)
		return
	}
	switch {
	case len(r.History.Flaws) > 0: // what seems broken may rest on what is missing
		v.Outcome = Unknown
	case len(failed) > 0:
		v.Outcome = Fail
	case !sound:
		v.Outcome = Unknown
	default:
		v.Outcome = Pass
	}
}

// expectFailure judges a scenario that is right because something is flagged: exactly these checks must fail.
func expectFailure(v *Verdict, r *Reading, failed []string, sound bool) {
	want := slices.Sorted(slices.Values(r.Plan.Scenario.Expect.Checks))
	v.Expected = "fail: " + strings.Join(want, ", ")
	got := slices.Sorted(slices.Values(failed))
	switch {
	case len(r.History.Flaws) > 0:
		v.Outcome = Unknown
	case slices.Equal(want, got) && (sound || !r.Loaded):
		v.Outcome = Pass // where the load was never started there is nothing else to judge
	case len(got) > 0 && !slices.Equal(want, got):
		v.Outcome = Fail
		v.Why = slices.Insert(v.Why, 0, fmt.Sprintf("expected to fail: %s; failed: %s", strings.Join(want, ", "), strings.Join(got, ", ")))
	case sound:
		v.Outcome = Fail
		v.Why = slices.Insert(v.Why, 0, "expected to fail and did not: "+strings.Join(want, ", "))
	default:
		v.Outcome = Unknown
	}
}

// Results of a check.

func unknown(format string, args ...any) Result {
	return Result{Outcome: Unknown, Applies: true, Why: fmt.Sprintf(format, args...)}
}

func notHere(format string, args ...any) Result {
	return Result{Outcome: Pass, Why: fmt.Sprintf(format, args...)}
}

// A tally gathers what a check finds.
type tally struct {
	examined int
	findings []Finding
	doubts   []string
	about    *Operation // that is looked at; nil for none
}

// find notes a broken promise, as a doubt where nobody can tell all attempts of the operation that it is about.
func (t *tally) find(f Finding) {
	if t.about != nil && t.about.blurred {
		t.doubt("%s (%s)", blurred, f.What)
		return
	}
	t.findings = append(t.findings, f)
}

// each looks at operations one by one.
func (t *tally) each(operations []*Operation, look func(o *Operation)) {
	for _, t.about = range operations {
		look(t.about)
	}
	t.about = nil
}

func (t *tally) doubt(format string, args ...any) {
	t.doubts = append(t.doubts, fmt.Sprintf(format, args...))
}

// mostFindings bounds what one check tells: a broken promise in a long run is broken a thousand times.
const mostFindings = 100

// result: a finding is a failure; without one, a doubt makes it unknown.
func (t *tally) result() Result {
	if more := len(t.findings) - mostFindings; more > 0 {
		t.findings = append(t.findings[:mostFindings:mostFindings], Finding{What: fmt.Sprintf("%d more of the kind", more)})
	}
	r := Result{Outcome: Pass, Applies: true, Examined: t.examined, Findings: t.findings}
	switch {
	case len(t.findings) > 0:
		r.Outcome = Fail
	case len(t.doubts) > 0:
		r.Outcome, r.Why = Unknown, t.doubts[0]
	}
	return r
}
