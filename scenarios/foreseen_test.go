package scenarios

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

// What the forecast can't tell of this folder is a golden list, so that it can't grow unseen: by scenario, a part of
// why.
var notForeseen = map[string]string{
	"bandwidth-and-slicing":   "from bandwidth order-processor->app at 1 KB/s for 4s on nothing is foretold",
	"spec-that-does-not-load": "the sidecar of checkout can't load its spec",
}

// tooManyWays are the folders of which some ways are told, since callers that send at once leave too many open.
var tooManyWays = []string{"many-callers-share-a-breaker"}

// Each scenario of this folder goes in memory in one of the ways that are foretold, exactly.
func TestEveryScenarioIsForeseen(t *testing.T) {
	notShort(t)
	files, err := filepath.Glob("*/scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files, "no scenario found")
	cut := map[string]bool{}
	for _, file := range files {
		name := filepath.Dir(file)
		t.Run(name, func(t *testing.T) {
			s, spec, err := harness.Load(name)
			require.NoError(t, err)
			f := oracle.Foresee(scenario.NewPlan(s, spec), spec)
			if why := notForeseen[name]; why != "" {
				cut[name] = true
				require.Contains(t, f.Cut, why)
				return
			}
			if slices.Contains(tooManyWays, name) {
				require.Contains(t, f.Cut, "more ways than are followed")
			} else {
				require.Empty(t, f.Cut)
			}
			require.NotEmpty(t, f.Rows)
			if spec.For("checkout", "order-processor").Draws() {
				return // no run has the moments of another
			}
			c, _ := rehearse(t, harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(honest)})
			got := oracle.Observe(c)
			follows, decided := oracle.Follows(c.Plan, spec, got)
			require.True(t, decided)
			require.True(t, follows, "forecast\n%s\nhappened\n%s", table(f.Rows), table(got))
		})
	}
	require.Len(t, cut, len(notForeseen))
}
