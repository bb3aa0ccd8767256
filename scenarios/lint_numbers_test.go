package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/lint"
)

// numbersSpec is a spec of one target; %s stand for the timeout, the retry and the breaker.
func numbersSpec(timeout, retry, breaker string) string {
	cut, name := "", ""
	if breaker != "" {
		cut, name = "    circuitBreakers: { cut: { "+breaker+" } }\n", ", circuitBreaker: cut"
	}
	return "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: orders }\nspec:\n  policies:\n    timeouts: { patience: " + timeout + " }\n" +
		"    retries: { again: { " + retry + " } }\n" + cut + "  targets:\n    apps: { order-processor: { timeout: patience, retry: again" + name + " } }\n"
}

// Where lint compares numbers, a spec just on its side of the line does what it says, and one just beyond does not.
//
// At the line itself time decides that is exact here, and nowhere else: counts are cleared where their window is over
// when an attempt ends (gobreaker's expiry.Before(now)), so what comes at the very moment still counts. But the window
// begins before its first attempt, and no timer ends early: where an interval is as long as what timeouts and gaps take,
// the failure that would trip the breaker comes later than that on each machine. Hence lint tells equality, too, and the
// rows a nanosecond below show what every lateness makes of it.
func TestLintsNumbersAreWhatHappens(t *testing.T) {
	notShort(t)
	unavailable, hangs, away := "respond: order-processor, status: 503, for: 60s", "hang: order-processor, for: 60s", "stop: order-processor, for: 60s"
	for _, c := range []struct {
		name, rule  string
		found       bool
		fault, spec string
		holds       func(t *testing.T, w whatCameOfIt)
	}{
		{"a_window_shorter_than_two_gaps", "L13", true, unavailable, numbersSpec("1s", "duration: 5s, maxRetries: -1", "interval: 9999ms, timeout: 30s, trip: consecutiveFailures >= 3"), neverOpened},
		{"a_window_longer_than_two_gaps", "L13", false, unavailable, numbersSpec("1ms", "duration: 5s, maxRetries: -1", "interval: 10004ms, timeout: 30s, trip: consecutiveFailures >= 3"), didOpen},
		{"a_window_shorter_than_three_attempts_that_hang", "L13", true, hangs, numbersSpec("1s", "duration: 5s, maxRetries: -1", "interval: 12999ms, timeout: 30s, trip: consecutiveFailures >= 3"), neverOpened},
		{"a_window_longer_than_three_attempts_that_hang", "L13", false, hangs, numbersSpec("1s", "duration: 5s, maxRetries: -1", "interval: 13001ms, timeout: 30s, trip: consecutiveFailures >= 3"), didOpen},
		{"a_window_as_long_as_two_gaps_and_attempts_that_last_a_millisecond", "L13", true, hangs, numbersSpec("1ms", "duration: 5s, maxRetries: -1", "interval: 10s, timeout: 30s, trip: consecutiveFailures >= 3"), neverOpened},
		{"a_window_a_nanosecond_shorter_than_three_attempts_that_hang", "L13", true, hangs, numbersSpec("1s", "duration: 5s, maxRetries: -1", "interval: 12.999999999s, timeout: 30s, trip: consecutiveFailures >= 3"), neverOpened},
		{"a_window_as_long_as_three_attempts_that_hang_to_a_clock_that_is_never_late", "L13", true, hangs, numbersSpec("1s", "duration: 5s, maxRetries: -1", "interval: 13s, timeout: 30s, trip: consecutiveFailures >= 3"), didOpen},
		{"a_window_a_nanosecond_longer_than_three_attempts_that_hang", "L13", false, hangs, numbersSpec("1s", "duration: 5s, maxRetries: -1", "interval: 13.000000001s, timeout: 30s, trip: consecutiveFailures >= 3"), didOpen},
		{"a_window_a_nanosecond_shorter_than_the_timeout", "L14", true, hangs, numbersSpec("2s", "duration: 1s, maxRetries: 3", "interval: 1.999999999s, timeout: 30s, trip: totalFailures >= 1"), neverOpened},
		{"a_window_shorter_than_the_timeout", "L14", true, hangs, numbersSpec("2001ms", "duration: 1s, maxRetries: 3", "interval: 2s, timeout: 30s, trip: totalFailures >= 1"), neverOpened},
		{"a_window_longer_than_the_timeout", "L14", false, hangs, numbersSpec("1999ms", "duration: 1s, maxRetries: 0", "interval: 5s, timeout: 30s, trip: totalFailures >= 1"), didOpen},
		{"a_breaker_open_as_long_as_the_gap", "L16", true, unavailable, numbersSpec("1s", "duration: 1s, maxRetries: 9", "timeout: 1s, trip: consecutiveFailures >= 5"), attempts(10)},
		{"a_breaker_open_longer_than_the_gap", "L17", true, unavailable, numbersSpec("1s", "duration: 1s, maxRetries: 9", "timeout: 1001ms, trip: consecutiveFailures >= 5"), attempts(5)},
		{"as_many_retries_as_failures_that_trip", "L17", true, unavailable, numbersSpec("1s", "duration: 1s, maxRetries: 5", "timeout: 90s, trip: consecutiveFailures >= 5"), attempts(5)},
		{"one_retry_less_than_failures_that_trip", "L17", false, unavailable, numbersSpec("1s", "duration: 1s, maxRetries: 4", "timeout: 90s, trip: consecutiveFailures >= 5"), attempts(5)},
		{"an_exponential_gap_at_its_shortest", "L16", true, unavailable, numbersSpec("1s", "policy: exponential, maxInterval: 1s, maxRetries: 9", "timeout: 250ms, trip: consecutiveFailures >= 5"), attempts(10)},
		{"an_exponential_gap_at_its_longest", "L17", true, unavailable, numbersSpec("1s", "policy: exponential, maxInterval: 1s, maxRetries: 9", "timeout: 1501ms, trip: consecutiveFailures >= 5"), attempts(5)},
		{"four_times_the_default_retry", "L19", true, away, strings.NewReplacer("order-processor:", "another:", "patience", "DefaultAppTimeoutPolicy", "again", "DefaultAppRetryPolicy").Replace(numbersSpec("3001ms", "duration: 500ms, maxRetries: 2", "")), attempts(12)},
		{"a_timeout_that_leaves_no_time_for_the_last_built_in_retry", "L19", true, away, strings.NewReplacer("order-processor:", "another:", "patience", "DefaultAppTimeoutPolicy", "again", "DefaultAppRetryPolicy").Replace(numbersSpec("2999ms", "duration: 500ms, maxRetries: 2", "")), attempts(9)},
		{"a_timeout_shorter_than_the_first_built_in_pause", "L19", false, away, strings.NewReplacer("order-processor:", "another:", "patience", "DefaultAppTimeoutPolicy", "again", "DefaultAppRetryPolicy").Replace(numbersSpec("999ms", "duration: 500ms, maxRetries: 2", "")), attempts(3)},
		{"a_client_that_waits_a_little_less", "L26", true, hangs, numbersSpec("2s", "duration: 1001ms, maxRetries: 3", ""), took(11003 * time.Millisecond)},
		{"a_client_that_waits_until_the_breaker_refuses", "L26", false, hangs, numbersSpec("1s", "duration: 1200ms, maxRetries: -1", "timeout: 30s, trip: consecutiveFailures >= 5"), took(11 * time.Second)},
		{"a_client_that_leaves_just_before_the_breaker_refuses", "L26", true, hangs, numbersSpec("1s", "duration: 1201ms, maxRetries: -1", "timeout: 30s, trip: consecutiveFailures >= 5"), took(11005 * time.Millisecond)},
		{"a_client_that_waits_as_long", "L26", false, hangs, numbersSpec("2s", "duration: 1s, maxRetries: 3", ""), took(11 * time.Second)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := lint.Check([]lint.Source{{Name: "x.yaml", Data: []byte(c.spec)}}, lint.Options{ClientTimeout: 11 * time.Second})
			i := slices.IndexFunc(r.Findings, func(f lint.Finding) bool { return f.Rule == c.rule })
			require.Equal(t, c.found, i >= 0, "%s: %v", c.rule, r.Findings)
			w := underSpec(t, lintStory(c.fault, "once"), c.spec)
			require.True(t, w.loaded)
			c.holds(t, w)
			if c.rule == "L19" && c.found {
				require.Contains(t, r.Findings[i].Effect, fmt.Sprintf("%d × 3 = %d attempts", w.most/3, w.most))
			}
		})
	}
}

func neverOpened(t *testing.T, w whatCameOfIt) { require.False(t, w.opened) }

func didOpen(t *testing.T, w whatCameOfIt) { require.True(t, w.opened) }

func attempts(n int) func(*testing.T, whatCameOfIt) {
	return func(t *testing.T, w whatCameOfIt) { require.Equal(t, n, w.most) }
}

func took(d time.Duration) func(*testing.T, whatCameOfIt) {
	return func(t *testing.T, w whatCameOfIt) { require.Equal(t, d, w.took) }
}
