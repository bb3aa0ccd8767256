package oracle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

// rogues break one promise each, in a setting where that shows; the check that should catch it does.
var rogues = []struct {
	rogue   string
	setting setting
	check   string
	says    string
}{
	{"gap_too_long", setting{}, "retry-gap", "too long"},
	{"gap_too_short", setting{}, "retry-gap", "too short"},
	{"gap_drifts", setting{}, "retry-gap", "too long"},
	{"jitter_beyond_the_envelope", setting{retry: "policy: exponential, maxInterval: 4s, maxRetries: -1"}, "retry-gap", "too long"},
	{"one_retry_too_many", setting{retry: "duration: 1s, maxRetries: 2"}, "retry-count", "where the policy ends it"},
	{"one_retry_too_few", setting{retry: "duration: 1s, maxRetries: 2"}, "retry-count", "given up after 2 attempts"},
	{"gives_up_silently", setting{retry: "duration: 1s, maxRetries: -1"}, "retry-count", "given up after 4 attempts"},
	{"says_retrying_each_time", setting{retry: "duration: 1s, maxRetries: -1"}, "retry-log", "or says so twice"},
	{"never_says_retrying", setting{}, "retry-log", "did not say so"},
	{"never_says_recovered", setting{retry: "duration: 1s, maxRetries: -1"}, "retry-log", "did not say that it recovered"},
	{"retries_what_does_not_match", setting{retry: `duration: 1s, maxRetries: 3, matching: { httpStatusCodes: "500-599" }`, status: 404, outage: 8 * time.Second}, "retry-count", "where the policy ends it"},
	{"does_not_retry_what_matches", setting{retry: `duration: 1s, maxRetries: 3, matching: { httpStatusCodes: "500-599" }`, status: 503, outage: 8 * time.Second}, "retry-count", "given up after 1 attempt,"},
	{"no_builtin_retries", setting{bare: true, outage: 10 * time.Second}, "builtin-retries", "could not be reached"},
	{"builtin_retries_for_a_status", setting{bare: true, part: history.App, outage: 10 * time.Second}, "builtin-retries", "for a sidecar that can't be reached"},
	{"times_out_late", setting{timeout: "2s", slow: 100 * time.Millisecond, retry: "duration: 1s, maxRetries: -1", hang: true}, "attempt-timeout", "was waited for"},
	{"times_out_early", setting{timeout: "2s", slow: 100 * time.Millisecond, retry: "duration: 1s, maxRetries: -1", hang: true}, "attempt-timeout", "the policy's timeout is 2s"},
	{"times_out_by_the_operation", setting{timeout: "2s", slow: 100 * time.Millisecond, retry: "duration: 1s, maxRetries: -1", hang: true}, "attempt-timeout", "the policy's timeout is 2s"},
	{"trips_one_early", setting{}, "breaker-trips", "do not make"},
	{"trips_one_late", setting{}, "breaker-trips", "the 5th failure makes"},
	{"trips_one_late", setting{breaker: "maxRequests: 1, timeout: 5s, trip: totalFailures >= 3", retry: "duration: 2s, maxRetries: -1"}, "breaker-trips", "the 3rd failure makes"},
	{"never_trips", setting{}, "breaker-trips", "the 5th failure makes"},
	{"counts_are_not_reset", setting{outage: 6 * time.Second, breaker: "maxRequests: 1, timeout: 5s, trip: consecutiveFailures >= 5", retry: "duration: 2s, maxRetries: -1", again: true}, "breaker-trips", "do not make"},
	{"counts_totals_for_consecutive", setting{breaker: "maxRequests: 1, timeout: 5s, trip: consecutiveFailures >= 5", retry: "duration: 2s, maxRetries: -1", outage: 6 * time.Second, again: true}, "breaker-trips", "do not make"},
	{"ignores_the_window", setting{breaker: "maxRequests: 1, interval: 7s, timeout: 5s, trip: consecutiveFailures >= 5", retry: "duration: 4s, maxRetries: -1"}, "breaker-trips", "do not make"},
	{"leaks_while_open", setting{callers: 3}, "nothing-crosses-while-open", "it must stay open for 5s"},
	{"open_too_short", setting{probe: 3 * time.Second}, "nothing-crosses-while-open", "it must stay open for 5s"},
	{"open_too_long", setting{callers: 3}, "open-time", "no refusal is due"},
	{"two_probes", setting{callers: 6, slow: 300 * time.Millisecond}, "half-open-admissions", "had let 1 through already"},
	{"stuck_half_open", setting{}, "open-time", "no refusal is due"},
	{"closes_on_a_failure", setting{}, "breaker-closes", "where no probe ended so"},
	{"closes_one_success_early", setting{breaker: "maxRequests: 2, timeout: 5s, trip: consecutiveFailures >= 3"}, "breaker-closes", "where no probe ended so"},
	{"closes_one_success_late", setting{}, "breaker-closes", "did not go from half-open to closed"},
	{"dials_with_a_back_off", setting{}, "recovery", "probes that never crossed the link"},
	{"dials_with_a_back_off", setting{}, "recovery", "the spec implies at most"},
	{"says_a_transition_that_was_not", setting{}, "breaker-trips", "do not make"},
	{"hides_open", setting{}, "breaker-log", "did not say so"},
	{"hides_half-open", setting{}, "breaker-log", "did not say so"},
	{"hides_closed", setting{}, "breaker-log", "did not say so"},
	{"logs_nothing", setting{}, "retry-log", "did not say so"},
	{"swallows_the_status", setting{probe: 3 * time.Second}, "caller-told", "it was refused by its own sidecar"},
	{"swallows_the_status", setting{retry: "duration: 1s, maxRetries: 0", status: 503, outage: 8 * time.Second}, "caller-told", "its last attempt answered 503"},
	{"loses_an_order", setting{}, "orders-lost", "never delivered"},
	{"gives_an_order_up", setting{retry: "duration: 1s, maxRetries: 1"}, "orders-lost", "never accepted"},
	{"doubles_an_order", setting{}, "orders-duplicated", "delivered to order-processor twice"},
	{"attempts_without_a_trace", setting{part: "none"}, "attempts-belong", "belongs to no operation"},
	{"policy_silently_not_loaded", setting{}, "policy-loaded", "did not load"},
}

func TestEachRogueIsCaughtByItsCheck(t *testing.T) {
	for _, c := range rogues {
		t.Run(c.rogue, func(t *testing.T) {
			honest := oracle.Judge(made(t, c.setting, ""))
			require.Equal(t, oracle.Pass, honest.Outcome, "without the rogue: %v", honest.Why)
			v := oracle.Judge(made(t, c.setting, c.rogue))
			t.Logf("%s: %v", c.rogue, failed(v))
			r := result(t, v, c.check)
			require.Equal(t, oracle.Fail, r.Outcome, "failed instead: %v", v.Why)
			whats := ""
			for _, f := range r.Findings {
				whats += f.What + "\n"
			}
			require.Contains(t, whats, c.says)
			require.Equal(t, 1, v.Exit())
		})
	}
}
