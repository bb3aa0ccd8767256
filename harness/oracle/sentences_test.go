package oracle_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// What a forecast says in sentences, as a golden file: a spec's policies, and what callers will live through.
func TestForecastsInSentences(t *testing.T) {
	var b strings.Builder
	for _, c := range []struct {
		name, policies, target string
		timeout                time.Duration
	}{
		{"no_policy_at_all", "timeouts: { unused: 1s }", "", 0},
		{"the_quickstart", "retries: { r: { duration: 5s, maxRetries: -1 } }\n    circuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 5 } }", "retry: r, circuitBreaker: b", 0},
		{"a_timeout_besides", "timeouts: { t: 2s }\n    retries: { r: { duration: 5s, maxRetries: -1 } }\n    circuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 5 } }", "timeout: t, retry: r, circuitBreaker: b", 0},
		{"a_breaker_that_outlasts_the_gap", "retries: { r: { duration: 1s, maxRetries: -1 } }\n    circuitBreakers: { b: { timeout: 30s, trip: consecutiveFailures >= 3 } }", "retry: r, circuitBreaker: b", 0},
		{"few_retries_and_a_default_trip", "timeouts: { t: 500ms }\n    retries: { r: { duration: 200ms, maxRetries: 2 } }\n    circuitBreakers: { b: { maxRequests: 3, timeout: 10s } }", "timeout: t, retry: r, circuitBreaker: b", 0},
		{"exponential", "retries: { r: { policy: exponential, maxInterval: 10s, maxRetries: 5 } }", "retry: r", 0},
		{"exponential_until_the_fifteen_minutes", "timeouts: { t: 1s }\n    retries: { r: { policy: exponential, maxInterval: 60s } }", "timeout: t, retry: r", 0},
		{"retries_that_may_run_out_before_the_fifteen_minutes", "timeouts: { t: 1s }\n    retries: { r: { policy: exponential, maxInterval: 60s, maxRetries: 22 } }", "timeout: t, retry: r", 0},
		{"short_exponential_gaps", "timeouts: { t: 1s }\n    retries: { r: { policy: exponential, maxInterval: 2s } }", "timeout: t, retry: r", 0},
		{"many_retries", "timeouts: { t: 1s }\n    retries: { r: { duration: 100ms, maxRetries: 250 } }", "timeout: t, retry: r", 0},
		{"a_trip_after_many_failures", "timeouts: { t: 1s }\n    retries: { r: { duration: 100ms } }\n    circuitBreakers: { b: { timeout: 10s, trip: consecutiveFailures >= 250 } }", "timeout: t, retry: r, circuitBreaker: b", 0},
		{"a_trip_after_more_failures_than_are_followed", "timeouts: { t: 1s }\n    retries: { r: { duration: 100ms } }\n    circuitBreakers: { b: { timeout: 10s, trip: consecutiveFailures >= 50000 } }", "timeout: t, retry: r, circuitBreaker: b", 0},
		{"a_trip_that_remembers_successes", "timeouts: { t: 1s }\n    retries: { r: { duration: 1s, maxRetries: 3 } }\n    circuitBreakers: { b: { timeout: 10s, trip: requests >= 10 && totalFailures * 100 / requests > 50 } }", "timeout: t, retry: r, circuitBreaker: b", 0},
		{"windows", "timeouts: { t: 1s }\n    retries: { r: { duration: 1s } }\n    circuitBreakers: { b: { interval: 60s, timeout: 30s, trip: consecutiveFailures >= 5 } }", "timeout: t, retry: r, circuitBreaker: b", 0},
		{"a_trip_of_which_a_success_before_is_part", "timeouts: { t: 1s }\n    retries: { r: { duration: 1s } }\n    circuitBreakers: { b: { interval: 10s, timeout: 30s, trip: totalSuccesses >= 1 && consecutiveFailures >= 3 } }", "timeout: t, retry: r, circuitBreaker: b", 0},
		{"a_window_that_only_many_callers_fill", "timeouts: { t: 1s }\n    retries: { r: { duration: 2s } }\n    circuitBreakers: { b: { interval: 3s, timeout: 30s, trip: consecutiveFailures >= 15 } }", "timeout: t, retry: r, circuitBreaker: b", 0},
		{"a_trip_that_never_is", "retries: { r: { duration: 1s, maxRetries: 3 } }\n    circuitBreakers: { b: { trip: consecutiveFailurs > 3 } }", "retry: r, circuitBreaker: b", 0},
		{"many_callers_and_gaps_that_are_drawn", "retries: { r: { policy: exponential, maxInterval: 10s } }\n    circuitBreakers: { b: { timeout: 10s, trip: consecutiveFailures >= 15 } }", "retry: r, circuitBreaker: b", 0},
		{"callers_that_leave", "retries: { r: { duration: 2s, maxRetries: -1 } }", "retry: r", 5 * time.Second},
		{"a_breaker_and_exponential_gaps_until_the_fifteen_minutes", "timeouts: { t: 1s }\n    retries: { r: { policy: exponential, maxInterval: 4s } }\n    circuitBreakers: { b: { timeout: 2s, trip: consecutiveFailures >= 4 } }", "timeout: t, retry: r, circuitBreaker: b", 0},
		{"callers_that_leave_at_the_instant_of_a_retry", "timeouts: { t: 800ms }\n    retries: { r: { duration: 1s, maxRetries: 3 } }\n    circuitBreakers: { b: { timeout: 30s, trip: consecutiveFailures >= 5 } }", "timeout: t, retry: r, circuitBreaker: b", 2 * time.Second},
	} {
		text := "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: x }\nspec:\n  policies:\n    " + c.policies + "\n"
		if c.target != "" {
			text += "  targets: { apps: { order-processor: { " + c.target + " } } }\n"
		}
		spec, _ := resiliency.Parse("x.yaml", []byte(text))
		plan := scenario.NewPlan(scenario.Scenario{Services: []scenario.Service{
			{Name: "order-processor", App: "order-processor", Port: 1},
			{Name: "checkout", App: "checkout", Sends: &scenario.Sends{To: "order-processor", Path: "orders", Every: time.Second, Callers: 1, Timeout: c.timeout}},
		}}, spec)
		o := oracle.Foresee(plan, spec).Outlooks[0]
		fmt.Fprintf(&b, "%s: %s\n", c.name, o.Policies)
		for _, s := range o.Sentences() {
			fmt.Fprintf(&b, "  %s\n", s)
		}
	}
	golden := filepath.Join("testdata", "sentences.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}
