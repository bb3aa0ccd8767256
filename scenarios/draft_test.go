package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
)

// What `halfopen init` and `halfopen try` write is a scenario at once, whatever the spec, and it passes: the length of
// the outage and the question to the open breaker were chosen rightly.
func TestAScenarioDraftedForASpecPasses(t *testing.T) {
	amongShort(t)
	specs, err := filepath.Glob("*/resiliency.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, specs)
	drafted := 0
	for i, file := range specs {
		if i%enough(1, 4) != 0 {
			continue
		}
		t.Run(filepath.Dir(file), func(t *testing.T) {
			o := harness.Outage{Spec: file, Caller: "checkout", Every: time.Second, Callers: 1}
			d, err := o.Draft("")
			var problems problem.List
			if errors.As(err, &problems) {
				if other, ok := strings.CutPrefix(problems[0].Hint, "--caller "); ok { // one for whom the spec is
					o.Caller = other
					d, err = o.Draft("")
				}
			}
			if errors.As(err, &problems) && problems[0].Field == "--target" {
				o.Target = "order-processor" // this one names none
				d, err = o.Draft("")
			}
			if errors.As(err, &problems) {
				require.Contains(t, []string{"spec-that-does-not-load", "trip-that-never-fires"}, filepath.Dir(file), "%v", err)
				return // such a spec is told, not tried
			}
			require.NoError(t, err)
			dir := filepath.Join(t.TempDir(), d.Name)
			require.NoError(t, os.Mkdir(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "scenario.yaml"), d.Scenario, 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "resiliency.yaml"), d.Spec, 0o644))
			s, spec, err := harness.Load(dir)
			require.NoError(t, err, "%s", d.Scenario)
			require.Equal(t, d.Stop, s.Timeline[1].Fault.For)
			c, v := rehearse(t, harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(honest)})
			if v.Outcome != oracle.Pass {
				t.Fatalf("%s\n%s", d.Scenario, told(c, v))
			}
			opens := spec.For(o.Caller, d.Target).Breaker != nil && v.Figures.TimeToTrip == nil
			require.Equal(t, opens, filepath.Dir(file) == "interval-clears-the-counts", "%v", d.Notes)
			drafted++
		})
	}
	require.Greater(t, drafted, enough(20, 5))
}
