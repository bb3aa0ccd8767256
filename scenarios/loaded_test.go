package scenarios

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/harnesstest"
)

// On a machine whose cores are all busy no run fails, and at most one in fifty can't be judged, because the machine
// was late and for no other reason. HALFOPEN_LOADED says how many runs, HALFOPEN_ENV where: `make loaded`.
func TestALoadedMachineGivesNoFalseAlarm(t *testing.T) {
	runs := asked(t, "HALFOPEN_LOADED", 0)
	if runs == 0 {
		t.Skip("skipped: runs for some minutes; make loaded asks for it")
	}
	ground, err := harness.Choose(t.Context(), os.Getenv("HALFOPEN_ENV"), harnesstest.Binary(t))
	require.NoError(t, err)
	dirs, err := filepath.Glob("*/scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, dirs, "no scenario found")
	jobs, err := harness.Jobs(dirs, (runs+len(dirs)-1)/len(dirs), harness.Options{Env: ground.Name})
	require.NoError(t, err)
	reports := os.Getenv("HALFOPEN_REPORTS")
	if reports == "" {
		reports = t.TempDir()
	}
	carries, why := harness.Carries(ground.Name)
	atOnce := max(1, carries/2) // half of what an idle machine carries: the load takes its share
	t.Logf("%d runs in %s environment, %d at once (idle it carries %d: %s)", runs, ground.Name, atOnce, carries, why)
	busy(t, 1)
	var c census
	_, err = harness.PlayMany(t.Context(), harness.Many{
		Options: harness.Options{Env: ground.Name, Binary: ground.Binary, Reports: reports},
		Jobs:    spread(jobs, runs), AtOnce: atOnce,
		Tell: func(d harness.Done) {
			o := outing{name: d.Name, err: d.Err}
			if d.Run != nil {
				o.dir, o.verdict = d.Run.Dir, d.Run.Verdict
			}
			c.add(o)
		},
	})
	require.NoError(t, err)
	t.Logf("all cores busy\n%s", c.String())
	require.Equal(t, runs, c.runs)
	require.Empty(t, c.failed)
	require.Equal(t, c.unknown[slackOnly], c.unknowns(), "unknown for another reason than slack")
	require.LessOrEqual(t, c.unknowns()*50, runs, "more than 2 % are unknown")
}

// spread takes so many of the jobs, from all over their list.
func spread(jobs []harness.Job, n int) []harness.Job {
	out := make([]harness.Job, n)
	for i := range out {
		out[i] = jobs[i*len(jobs)/n]
	}
	return out
}
