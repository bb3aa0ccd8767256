// Package scenarios runs every scenario below this folder as a test: a gate in one line of `go test -count=1`.
package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/harnesstest"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// TestMain lets all scenarios of a wave run at once. In processes this program plays rogues, too.
func TestMain(m *testing.M) {
	if playBusy() {
		os.Exit(0)
	}
	if played, err := playRole(); played {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	debug.SetGCPercent(400) // runs in memory make much and keep little
	os.Exit(harnesstest.Main(m))
}

// TestScenarios takes HALFOPEN_ENV=auto (default), container or process, and HALFOPEN_REPORTS for where the
// runs land (a folder that goes with the test by default).
func TestScenarios(t *testing.T) {
	t.Parallel()
	harnesstest.RunAll(t, ".")
}

// A sidecar that runs under another spec than the one it is judged against breaks promises: each is named, by the
// check that should catch it, with events that show it.
func TestABrokenPromiseIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes for about a minute")
	}
	t.Parallel()
	binary, reports := harnesstest.Binary(t), t.TempDir()
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
			require.Equal(t, 1, run.Verdict.Exit(), "%s", harnesstest.Story(run))
			i := slices.IndexFunc(run.Verdict.Results, func(r oracle.Result) bool { return r.Check == c.check })
			result := run.Verdict.Results[i]
			require.Equal(t, oracle.Fail, result.Outcome, "%s", harnesstest.Story(run))
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
		Binary: harnesstest.Binary(t), Reports: t.TempDir(),
	})
	require.NoError(t, err)
	require.Equal(t, 3, run.Verdict.Exit(), "%s", harnesstest.Story(run))
	require.Contains(t, strings.Join(run.Verdict.Why, "\n"), "nothing crossed stock->app")
}

// told is the terminal's report of a run without a folder.
func told(c oracle.Case, v oracle.Verdict) string {
	var b strings.Builder
	report.Terminal(&b, report.Input{Verdict: v, Plan: c.Plan, History: c.History}, report.TerminalOptions{Width: 120})
	return b.String()
}
