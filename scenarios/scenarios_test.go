// Package scenarios runs every scenario below this folder as a test: a gate in one line of `go test -count=1`.
package scenarios

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/envtest"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
	"github.com/halfopen/halfopen/harness/scenario"
)

// TestMain lets all scenarios run at once: they wait far more than they work, and go test's own bound is the
// number of cores. As a process of its own this program plays rogues too, or keeps a core busy.
func TestMain(m *testing.M) {
	if playLoad() {
		os.Exit(0)
	}
	if played, err := playRole(); played {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	byHand := false
	flag.Visit(func(f *flag.Flag) { byHand = byHand || f.Name == "test.parallel" })
	if !byHand {
		flag.Set("test.parallel", "64")
	}
	os.Exit(m.Run())
}

// TestScenarios takes HALFOPEN_ENV=auto (default), container or process, and HALFOPEN_REPORTS for where the
// runs land (a folder that goes with the test by default).
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes or containers for about a minute")
	}
	t.Parallel()
	name := os.Getenv("HALFOPEN_ENV")
	ground, err := harness.Choose(t.Context(), name, envtest.Binary(t))
	require.NoError(t, err)
	t.Logf("in %s environment: %s", ground.Name, ground.Why)
	if ground.Name != "container" {
		t.Run("container", func(t *testing.T) { t.Skipf("skipped: runs in %s: %s", ground.Name, ground.Why) })
	}
	files, err := filepath.Glob("*/scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files, "no scenario found")
	reports := os.Getenv("HALFOPEN_REPORTS")
	if reports == "" {
		reports = t.TempDir()
	}
	dirs := longestFirst(t, files)
	waves := make([]wave, len(dirs)/atOnce[ground.Name]+1)
	asked := 0 // those that -run leaves out take no place in a wave
	for _, dir := range dirs {
		t.Run(dir, func(t *testing.T) {
			n := asked / atOnce[ground.Name]
			asked++
			waves[n].running.Add(1)
			defer waves[n].running.Done()
			t.Parallel()
			if n > 0 {
				waves[n-1].running.Wait()
			}
			run, err := harness.Play(t.Context(), harness.Options{
				Scenario: dir, Env: ground.Name, Binary: ground.Binary, Reports: reports, Stage: &waves[n].stage,
			})
			require.NoError(t, err)
			if run.Verdict.Outcome != oracle.Pass {
				t.Fatalf("%s\n%s", run.Dir, story(t, run))
			}
			t.Log(summary(run.Verdict))
		})
	}
}

// A wave is scenarios that go on at once.
type wave struct {
	stage   harness.Stage
	running sync.WaitGroup
}

// atOnce is how many two cores carry without being late.
var atOnce = map[string]int{"container": 8, "process": 16}

// longestFirst keeps the waves short: those that take as long go on together.
func longestFirst(t *testing.T, files []string) []string {
	t.Helper()
	expected := map[string]time.Duration{}
	var dirs []string
	for _, file := range files {
		s, spec, err := harness.Load(file)
		require.NoError(t, err)
		dirs = append(dirs, filepath.Dir(file))
		expected[filepath.Dir(file)] = scenario.NewPlan(s, spec).Expected
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(expected[b], expected[a]) })
	return dirs
}

// A sidecar that runs under another spec than the one it is judged against breaks promises: each is named, by the
// check that should catch it, with events that show it.
func TestABrokenPromiseIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes for about a minute")
	}
	t.Parallel()
	binary, reports := envtest.Binary(t), t.TempDir()
	for _, c := range []struct{ spec, check, says string }{
		{"retry-every-6s", "retry-gap", "too long, the policy says exactly 5s"},
		{"trip-at-6", "breaker-trips", "the 5th failure makes `consecutiveFailures >= 5` true"},
		{"open-for-2s", "nothing-crosses-while-open", "it must stay open for 5s"},
	} {
		t.Run(c.spec, func(t *testing.T) {
			t.Parallel()
			run, err := harness.Play(t.Context(), harness.Options{
				Scenario: "stop-order-processor", Env: "process", Binary: binary, Reports: reports,
				SidecarResiliency: filepath.Join("testdata", "specs", c.spec+".yaml"),
			})
			require.NoError(t, err)
			require.Equal(t, 1, run.Verdict.Exit(), "%s", story(t, run))
			i := slices.IndexFunc(run.Verdict.Results, func(r oracle.Result) bool { return r.Check == c.check })
			result := run.Verdict.Results[i]
			require.Equal(t, oracle.Fail, result.Outcome, "%s", story(t, run))
			require.Contains(t, result.Findings[0].What, c.says)
			require.NotEmpty(t, result.Findings[0].Events)
			before, err := os.ReadFile(filepath.Join(run.Dir, "verdict.json"))
			require.NoError(t, err)
			_, err = harness.Judge(run.Dir)
			require.NoError(t, err)
			after, err := os.ReadFile(filepath.Join(run.Dir, "verdict.json"))
			require.NoError(t, err)
			require.Equal(t, string(before), string(after), "judged again, the bytes differ")
		})
	}
}

// The negative control: a fault that does nothing makes a run unknown, however well everything went.
func TestAFaultThatDoesNothingIsNoPass(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	t.Parallel()
	run, err := harness.Play(t.Context(), harness.Options{
		Scenario: filepath.Join("testdata", "a-fault-that-does-nothing"), Env: "process",
		Binary: envtest.Binary(t), Reports: t.TempDir(),
	})
	require.NoError(t, err)
	require.Equal(t, 3, run.Verdict.Exit(), "%s", story(t, run))
	require.Contains(t, strings.Join(run.Verdict.Why, "\n"), "nothing crossed stock->app")
}

// story is the terminal's report of a run that did not pass.
func story(t *testing.T, run *harness.Run) string {
	t.Helper()
	c, err := harness.ReadCase(run.Dir)
	require.NoError(t, err)
	in, err := harness.ReportInput(run.Dir, c, run.Verdict)
	require.NoError(t, err)
	return terminal(in)
}

// told is the same of a run without a folder.
func told(c oracle.Case, v oracle.Verdict) string {
	return terminal(report.Input{Verdict: v, Plan: c.Plan, History: c.History})
}

func terminal(in report.Input) string {
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
