package oracle_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

// A picture leaves nothing out and points at nothing that isn't there.
func TestAChartHoldsEachOrderAndAttemptOnceAndEachHasItsEvent(t *testing.T) {
	eachTale(t, func(t *testing.T, name string, again func() oracle.Case) {
		c := again()
		there := map[oracle.Ref]bool{}
		sources := map[string]bool{}
		for _, e := range c.History.Events {
			there[oracle.Ref{Source: e.Source, Seq: e.Seq}] = true
			sources[e.Source] = true
		}
		chart, v := oracle.Draw(c), oracle.Judge(c)
		attempts := 0
		for _, l := range chart.Lanes {
			require.True(t, slices.IsSortedFunc(l.Marks, func(a, b oracle.Mark) int { return int(a.From - b.From) }), "%s: %s", name, l.Name)
			for _, m := range l.Marks {
				require.True(t, there[m.Event], "%s: %s", name, l.Name)
				require.Contains(t, []string{"ok", "failed", "refused", "waiting"}, m.Outcome)
				require.GreaterOrEqual(t, m.To, m.From)
				if l.Kind == "attempt" && m.N > 0 {
					attempts++
				}
			}
		}
		require.Equal(t, v.Figures.Attempts, attempts, name)
		for _, b := range chart.Breakers {
			require.Equal(t, "closed", b.States[0].State)
			for _, s := range b.States[1:] {
				require.True(t, there[s.Event], "%s: %s %s", name, b.Lane, s.State)
			}
		}
	})
	require.Empty(t, oracle.Draw(oracle.Case{}).Lanes)
}

func TestEachFieldIsToldWithWhatItCaused(t *testing.T) {
	c := recorded(t)
	causes := map[string]oracle.Cause{}
	for _, cause := range oracle.Causes(c) {
		causes[cause.Field] = cause
	}
	for field, what := range map[string]string{
		"spec.policies.retries.retryForever.duration":        "9 retries, 5.001s to 5.006s after the attempt before",
		"spec.policies.retries.retryForever.maxInterval":     "no effect: Dapr ignores it for policy: constant",
		"spec.policies.retries.retryForever.maxRetries":      "at most 10 attempts for one request",
		"spec.policies.circuitBreakers.simpleCB.trip":        "opened the breaker once, on the 5th failure",
		"spec.policies.circuitBreakers.simpleCB.timeout":     "5 open times until a probe came, 5.002s to 5.006s long; 1 order refused at once",
		"spec.policies.circuitBreakers.simpleCB.maxRequests": "5 half-open times",
		"spec.targets.apps.order-processor":                  "in force for 12 requests of checkout",
		"timeline[0]":                                        "from 0.223 to 3.294 s: waited 3.072s",
		"timeline[1]":                                        "injected at 3.294 s, healed at 48.340 s; 9 attempts failed meanwhile",
		"timeline[4]":                                        "order probe-1 refused at once (500)",
		"services.checkout.sends":                            "11 requests sent, 11 accepted",
	} {
		require.Contains(t, causes, field)
		require.Equal(t, what, causes[field].What)
	}
	require.NotEmpty(t, causes["spec.policies.retries.retryForever.duration"].Events)
	require.Equal(t, []string{"retry-gap"}, causes["spec.policies.retries.retryForever.duration"].Checks)
	c.History.Events = slices.DeleteFunc(slices.Clone(c.History.Events), func(e history.Event) bool { return e.Kind == history.KindFault })
	for _, cause := range oracle.Causes(c) {
		require.NotContains(t, cause.What, "injected")
	}
}
