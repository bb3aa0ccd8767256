package scenarios

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// Each fault of each scenario stands in the history as injected, effective and healed, in this order; effective points
// at an event that is there; and nothing of it is read by the oracle.
func TestEachFaultIsInjectedEffectiveAndHealed(t *testing.T) {
	files, err := filepath.Glob("*/scenario.yaml")
	require.NoError(t, err)
	faults := 0
	for _, file := range files {
		name := filepath.Dir(file)
		if slices.Contains(scenariosNotInMemory, name) || name == "spec-that-does-not-load" { // whose load never starts
			continue
		}
		t.Run(name, func(t *testing.T) {
			s, spec, err := harness.Load(name)
			require.NoError(t, err)
			c, v := rehearse(t, harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(honest)})
			require.Empty(t, c.History.Flaws)
			for _, step := range s.Timeline {
				if step.Fault == nil {
					continue
				}
				faults++
				var words []string
				for _, e := range c.History.Events {
					if e.Kind != history.KindFault || e.ID != step.Fault.Name {
						continue
					}
					words = append(words, e.Text)
					if e.Text == "effective" {
						seq, err := strconv.ParseUint(e.Attr("evidence_seq"), 10, 64)
						require.NoError(t, err)
						require.True(t, slices.ContainsFunc(c.History.Events, func(x history.Event) bool {
							return x.Source == e.Attr("evidence_source") && x.Seq == seq && x.Source != history.Derived && x.At <= e.At
						}), "%+v points nowhere", e)
					}
				}
				require.Equal(t, 1, count(words, "effective"), "%s: %v", step.Fault.Name, words)
				require.Equal(t, "injected", words[0], "%v", words)
				if step.Fault.Kind != "restart" {
					require.Equal(t, "healed", words[len(words)-1], "%v", words)
				}
			}
			bare := *c.History
			bare.Events = slices.DeleteFunc(slices.Clone(bare.Events), func(e history.Event) bool { return e.Source == history.Derived })
			c.History = &bare
			require.Equal(t, string(report.JSON(v)), string(report.JSON(oracle.Judge(c))))
		})
	}
	require.Greater(t, faults, 30)
}

func count(words []string, word string) int {
	n := 0
	for _, w := range words {
		if w == word {
			n++
		}
	}
	return n
}

// A fault that did nothing is not told to be effective, and saying so in its place convinces nobody.
func TestWhatIsDerivedIsNoEvidence(t *testing.T) {
	s, spec, err := harness.Load(filepath.Join("testdata", "a-fault-that-does-nothing"))
	require.NoError(t, err)
	var c oracle.Case
	synctest.Test(t, func(t *testing.T) {
		c, err = harness.Rehearse(t.Context(), harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(honest)})
	})
	require.NoError(t, err)
	require.Empty(t, oracle.Effects(c))
	for _, e := range c.History.Events {
		require.NotEqual(t, history.Derived, e.Source)
		if e.Kind == history.KindFault && e.Text == "applied" {
			e.Source, e.Seq, e.Text = history.Derived, 1, "effective"
			e.Attrs = map[string]string{"evidence_source": history.Links, "evidence_seq": "1"}
			c.History.Events = append(c.History.Events, e)
		}
	}
	c.History = history.Of(c.History.Header, c.History.Events)
	require.Equal(t, oracle.Unknown, oracle.Judge(c).Outcome)
}
