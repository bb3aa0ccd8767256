// Package scenarios runs every scenario below this folder as a test: a gate in one line of `go test -count=1`.
package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/envtest"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// TestScenarios takes HALFOPEN_ENV=auto (default), container or process, and HALFOPEN_REPORTS for where the
// runs land (a folder that goes with the test by default).
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes or containers for about a minute")
	}
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
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			run, err := harness.Play(t.Context(), harness.Options{
				Scenario: dir, Env: ground.Name, Binary: ground.Binary, Reports: reports,
			})
			require.NoError(t, err)
			if run.Verdict.Outcome != oracle.Pass {
				t.Fatalf("%s\n%s", run.Dir, story(t, run))
			}
			t.Log(summary(run.Verdict))
		})
	}
}

// story is the terminal's report of a run that did not pass.
func story(t *testing.T, run *harness.Run) string {
	t.Helper()
	c, err := harness.ReadCase(run.Dir)
	require.NoError(t, err)
	in, err := harness.ReportInput(run.Dir, c, run.Verdict)
	require.NoError(t, err)
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
