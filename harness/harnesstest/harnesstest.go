// Package harnesstest plays scenarios as Go tests: the one package of the harness that is made for users' own tests.
//
//	func TestOrdersOutliveAnOutage(t *testing.T) {
//		harnesstest.Run(t, "scenarios/stop-orders")
//	}
//
// Run such tests with `go test -count=1`: what comes out of the cache has not been tried.
package harnesstest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// An Option changes how scenarios are played.
type Option func(*settings)

// settings are those of runs, and of what becomes of a test.
type settings struct {
	harness.Options
	lenient bool // a scenario whose programs are not there is skipped
}

// Env says where to run: auto, container or process. Without it the variable HALFOPEN_ENV does, or else auto.
func Env(name string) Option { return func(s *settings) { s.Env = name } }

// Reports is the folder where runs land. Without it the variable HALFOPEN_REPORTS says so, or else they go with the
// test.
func Reports(folder string) Option { return func(s *settings) { s.Reports = folder } }

// Program is the halfopen executable that plays sidecars, links and built-in apps; see [Binary].
func Program(path string) Option { return func(s *settings) { s.Binary = path } }

// Timeout bounds each run as a whole. Without it the plan's own limits do.
func Timeout(d time.Duration) Option { return func(s *settings) { s.Timeout = d } }

// SidecarResiliency gives the sidecars another spec than the one they are judged against, to see a promise broken.
func SidecarResiliency(file string) Option {
	return func(s *settings) { s.SidecarResiliency = file }
}

// SkipMissingPrograms skips, by name, scenarios with a `command:` whose program is not installed. Without it that is
// bad input, and the test fails.
func SkipMissingPrograms() Option { return func(s *settings) { s.lenient = true } }

// Run plays a scenario (its folder, or its file) to its verdict. A broken promise fails the test with the run's
// story, and so does a run that could not be judged, with the reason; bad input fails it with all that is wrong.
// With -short, and where the environment can't run the scenario at all, the test is skipped by name.
// A run that could not be judged only because the machine was late is played again, three times in all at most.
func Run(t *testing.T, scenario string, options ...Option) *harness.Run {
	t.Helper()
	return play(t, scenario, settle(t, options))
}

// settle takes what the options leave open from the environment's variables.
func settle(t *testing.T, options []Option) settings {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: runs real processes or containers")
	}
	o := settings{Options: harness.Options{Env: os.Getenv("HALFOPEN_ENV"), Reports: os.Getenv("HALFOPEN_REPORTS")}}
	for _, set := range options {
		set(&o)
	}
	if o.Reports == "" {
		o.Reports = t.TempDir()
	}
	if o.Binary == "" {
		o.Binary = Binary(t)
	}
	return o
}

// mostPlayed is how often a scenario is played whose runs can't be judged because the machine was late.
const mostPlayed = 3

// Play is [harness.Play] for tests that judge the run themselves: one that could not be judged only because the machine
// was late is played again, three times in all at most.
func Play(t *testing.T, o harness.Options) (*harness.Run, error) {
	t.Helper()
	run, err := harness.Play(t.Context(), o)
	for n := 1; n < mostPlayed && err == nil && run.Verdict.Outcome == oracle.Unknown && run.Verdict.ForSlackAlone(); n++ {
		t.Logf("%s: played again, for it could not be judged: %s", o.Scenario, strings.Join(run.Verdict.Why, "; "))
		o.Stage = nil
		run, err = harness.Play(t.Context(), o)
	}
	return run, err
}

func play(t *testing.T, scenario string, o settings) *harness.Run {
	t.Helper()
	o.Scenario = scenario
	run, err := Play(t, o.Options)
	var unsuited harness.Unsuited
	var missing harness.MissingPrograms
	switch {
	case o.lenient && errors.As(err, &missing):
		t.Skipf("skipped %s: %v", scenario, err)
	case errors.As(err, &unsuited), errors.Is(err, errors.ErrUnsupported):
		t.Skipf("skipped %s: %v", scenario, err)
	case err != nil && run == nil:
		t.Fatalf("%s: %v", scenario, err)
	case err != nil:
		t.Fatalf("%s: %v\n%s\n%s", scenario, err, Story(run), run.Dir)
	case run.Verdict.Outcome != oracle.Pass:
		t.Fatalf("%s: %s: %s\n%s\n%s", scenario, run.Verdict.Outcome, strings.Join(run.Verdict.Why, "; "), Story(run), run.Dir)
	}
	t.Log(summary(run.Verdict))
	return run
}

// Story is the terminal's report of a run.
func Story(run *harness.Run) string {
	c, err := harness.ReadCase(run.Dir)
	if err != nil {
		return err.Error()
	}
	in, err := harness.ReportInput(run.Dir, c, run.Verdict)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	report.Terminal(&b, in, report.TerminalOptions{Width: 120})
	return b.String()
}

func summary(v oracle.Verdict) string {
	text := fmt.Sprintf("%s: %d orders accepted, %d attempts", v.Outcome, v.Figures.OrdersAccepted, v.Figures.Attempts)
	if r := v.Figures.Recovery; r != nil {
		text += fmt.Sprintf(", recovered in %s", *r)
	}
	return text
}
