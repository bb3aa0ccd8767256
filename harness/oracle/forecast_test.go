package oracle_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// recordedRun is the home story, as it was recorded.
func recordedRun(t *testing.T) (c oracle.Case) {
	t.Helper()
	dir := filepath.Join("testdata", "stop-order-processor")
	plan, err := os.ReadFile(filepath.Join(dir, "plan.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(plan, &c.Plan))
	text, err := os.ReadFile(filepath.Join(dir, "resiliency.yaml"))
	require.NoError(t, err)
	c.Spec, _ = resiliency.Parse("resiliency.yaml", text)
	file, err := os.Open(filepath.Join(dir, "history.jsonl"))
	require.NoError(t, err)
	defer file.Close()
	c.History, err = history.Read(file)
	require.NoError(t, err)
	return c
}

func TestTheForecastOfTheHomeStory(t *testing.T) {
	c := recordedRun(t)
	f := oracle.Foresee(c.Plan, c.Spec)
	require.Equal(t, 1, f.Ways, "nothing in it is open")
	require.Empty(t, f.Cut)
	require.Equal(t, []oracle.Recovery{{Caller: "checkout", After: oracle.Window{Lo: time.Second, Hi: time.Second}}}, f.Bounds)
	var b strings.Builder
	oracle.WriteForecast(&b, f)
	for _, want := range []string{
		"+1.000  checkout: attempt 1 of order 5\n", "+21.000  checkout: breaker order-processor:orders from closed to open, on the 5th failure",
		"+24.000  checkout: order probe-1 refused after 0 attempts, told 500", "+46.000  checkout: order 5 accepted after 10 attempts",
	} {
		require.Contains(t, b.String(), want)
	}
	again, err := json.Marshal(f)
	require.NoError(t, err)
	same, err := json.Marshal(oracle.Foresee(c.Plan, c.Spec))
	require.NoError(t, err)
	require.Equal(t, string(again), string(same), "the same plan gives the same bytes")
}

// A spec's text, and what one order against a target that fails at once comes to.
func TestWhatACallerWillLiveThrough(t *testing.T) {
	for name, c := range map[string]struct {
		policies string
		attempts int // 0 for without end
		hangs    oracle.Window
		refused  bool
		trips    int
	}{
		"no_policy_at_all":                   {"retries: {}", 1, oracle.Window{}, false, 0},
		"three_retries":                      {"retries: { r: { duration: 1s, maxRetries: 3 } }", 4, oracle.Window{Lo: 3 * time.Second, Hi: 3 * time.Second}, false, 0},
		"for_ever":                           {"retries: { r: { duration: 1s } }", 0, oracle.Window{}, false, 0},
		"open_for_exactly_the_gap":           {"retries: { r: { duration: 1s } }\n    circuitBreakers: { b: { timeout: 1s, trip: consecutiveFailures >= 2 } }", 0, oracle.Window{}, false, 2},
		"open_for_longer_than_the_gap":       {"retries: { r: { duration: 1s } }\n    circuitBreakers: { b: { timeout: 1001ms, trip: consecutiveFailures >= 2 } }", 2, oracle.Window{Lo: 2 * time.Second, Hi: 2 * time.Second}, true, 2},
		"exponential_without_the_first_caps": {"retries: { r: { policy: exponential, maxInterval: 100ms, maxRetries: 2 } }", 3, oracle.Window{Lo: 300 * time.Millisecond, Hi: 900 * time.Millisecond}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: x }\nspec:\n  policies:\n    %s\n"+
				"  targets: { apps: { b: { %s } } }\n", c.policies, strings.Join(names(c.policies), ", "))
			spec, problems := resiliency.Parse("x.yaml", []byte(text))
			require.Empty(t, problems)
			plan := scenario.NewPlan(scenario.Scenario{Services: []scenario.Service{
				{Name: "b", App: "order-processor", Port: 1},
				{Name: "a", App: "checkout", Sends: &scenario.Sends{To: "b", Path: "orders", Every: time.Second, Callers: 1}},
			}}, spec)
			o := oracle.Foresee(plan, spec).Outlooks[0]
			require.Equal(t, c.attempts, o.Attempts)
			require.Equal(t, c.refused, o.Refused)
			if c.attempts == 0 {
				require.Nil(t, o.Hangs)
			} else {
				require.Equal(t, c.hangs, *o.Hangs)
			}
			if c.trips == 0 {
				require.Nil(t, o.Trips)
			} else {
				require.Equal(t, c.trips, o.Trips.Failure)
			}
		})
	}
}

// names are the policies that a target of all of them names.
func names(policies string) (out []string) {
	for kind, name := range map[string]string{"retry": "r", "circuitBreaker": "b"} {
		if strings.Contains(policies, " "+name+":") {
			out = append(out, kind+": "+name)
		}
	}
	return out
}

func TestTheRecordedRunIsExplained(t *testing.T) {
	e := oracle.Explain(recordedRun(t))
	require.Empty(t, e.Cut)
	require.Len(t, e.Breakers, 1)
	b := e.Breakers[0]
	require.Contains(t, b.Why, `on the 5th failure, the first that made "consecutiveFailures >= 5" true`)
	var counted []int64
	for _, f := range b.Failures[:5] {
		counted = append(counted, f.Counts.ConsecutiveFailures)
		require.Equal(t, f.Counts.ConsecutiveFailures == 5, f.Trips)
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5}, counted)
	require.Len(t, e.Recoveries, 1)
	r := e.Recoveries[0]
	require.Positive(t, r.Ready)
	require.InDelta(t, 0.99, r.Waited.Seconds(), 0.02)
	require.Less(t, r.Tried, 20*time.Millisecond)
	require.Zero(t, r.Uncrossed)
	var text strings.Builder
	oracle.WriteExplanation(&text, e)
	require.Contains(t, text.String(), "consecutiveFailures >= 5 is true: it opens")
}

// Told runs are explained too, whatever is wrong with them.
func TestToldRunsAreExplained(t *testing.T) {
	for file, want := range map[string]string{
		"recovery_comes_ten_seconds_late":                           "9.907s until the attempt that got through (attempt 4 of order 3)",
		"an_outage_trips_the_breaker_and_the_third_probe_closes_it": "it opened at",
		"nothing_happens":           "",
		"one_retry_too_many":        "no breaker is in play",
		"the_fault_is_never_healed": "",
		"a_truncated_history":       "",
	} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", file+".txt"))
			require.NoError(t, err)
			e := oracle.Explain(tale(t, string(text)))
			require.Empty(t, e.Cut)
			var b strings.Builder
			oracle.WriteExplanation(&b, e)
			require.Contains(t, b.String(), want)
		})
	}
	require.NotEmpty(t, oracle.Explain(oracle.Case{}).Cut)
}

// Jitter leaves open how many attempts lie before the healing, and yet the first one after it comes within the longest gap.
// Where more ways are open than are followed, it is not told.
func TestTheForecastOfRecoveryHoldsForEachWay(t *testing.T) {
	const text = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: x }\nspec:\n  policies:\n" +
		"    timeouts: { t: 1s }\n    retries: { r: { policy: exponential, maxInterval: 10s, maxRetries: 6 } }\n" +
		"  targets: { apps: { b: { timeout: t, retry: r } } }\n"
	spec, problems := resiliency.Parse("x.yaml", []byte(text))
	require.Empty(t, problems)
	forecast := func(outage time.Duration, callers int) oracle.Forecast {
		return oracle.Foresee(scenario.NewPlan(scenario.Scenario{
			Services: []scenario.Service{
				{Name: "b", App: "order-processor", Port: 1},
				{Name: "a", App: "checkout", Sends: &scenario.Sends{To: "b", Path: "orders", Every: time.Second, Callers: callers}},
			},
			Timeline: []scenario.Step{{Wait: &scenario.Wait{For: 2500 * time.Millisecond}}, {Fault: &scenario.Fault{Name: "stop", Kind: scenario.Stop, Service: "b", For: outage}}, {Wait: &scenario.Wait{Recovered: "a"}}},
		}, spec), spec)
	}
	short := forecast(15*time.Second, 1)
	require.Empty(t, short.Cut)
	require.LessOrEqual(t, short.Bounds[0].After.Hi, 5696*time.Millisecond)
	require.Less(t, short.Bounds[0].After.Lo, short.Bounds[0].After.Hi)
	many := forecast(45*time.Second, 4)
	require.NotEmpty(t, many.Cut)
	require.Equal(t, []oracle.Recovery{{Caller: "a", Untold: true}}, many.Bounds)
}
