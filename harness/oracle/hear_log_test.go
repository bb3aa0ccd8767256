package oracle_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/testimony"
)

const quickstartSpec = `
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: myresiliency }
scopes: [checkout]
spec:
  policies:
    retries: { again: { policy: constant, duration: 5s, maxRetries: 9 } }
    circuitBreakers: { simpleCB: { maxRequests: 1, timeout: 5s, trip: consecutiveFailures >= 5 } }
  targets: { apps: { order-processor: { retry: again, circuitBreaker: simpleCB } } }
`

const toldOperation = "endpoint[order-processor, order-processor:orders]"

// at is a line of daprd's log at a second.
func at(second float64, level, msg string) string {
	return fmt.Sprintf("time=\"2026-11-23T22:34:%06.3fZ\" level=%s msg=%q app_id=checkout instance=vm type=log ver=1.18.3\n", second, level, msg)
}

func turns(second float64, from, to string) string {
	return at(second, "info", fmt.Sprintf("Circuit breaker %q changed state from %s to %s", "order-processor:orders", from, to))
}

func TestWhatLogsTellIsHeldAgainstTheSpec(t *testing.T) {
	begin := at(0, "info", "Starting Dapr Runtime -- version 1.18.3 -- commit x")
	retrying := at(1, "warning", "Error processing operation "+toldOperation+". Retrying in 5s…")
	page := "INFO[0005] Error processing operation " + toldOperation + ". Retrying...\n"
	for _, c := range []struct{ name, log, want string }{
		{"a_whole_outage", begin + retrying + turns(21, "closed", "open") + turns(26, "open", "half-open") + turns(26, "half-open", "closed") + at(26, "info", "Recovered processing operation "+toldOperation+" after 6 attempts"), "pass"},
		{"half_open_at_once", turns(21, "closed", "open") + turns(25.9, "open", "half-open"), "fail; fail: open-time"},
		{"half_open_reopens_and_stays_for_its_time", turns(21, "half-open", "open") + turns(26, "open", "half-open") + turns(26, "half-open", "open"), "pass"},
		{"it_leaves_a_state_in_which_it_is_not", turns(21, "closed", "open") + turns(26, "half-open", "open"), "fail; fail: breaker-log"},
		{"it_skips_half_open", turns(21, "closed", "open") + turns(26, "open", "closed"), "fail; fail: breaker-log"},
		{"a_restart_closes_it", turns(21, "closed", "open") + at(22, "info", "Starting Dapr Runtime -- version 1.18.3 -- commit x") + turns(24, "closed", "open"), "pass"},
		{"without_a_restart_it_can't_open_twice", turns(21, "closed", "open") + turns(24, "closed", "open"), "fail; fail: breaker-log"},
		{"a_replica_has_a_breaker_of_its_own", turns(21, "closed", "open") + strings.Replace(turns(24, "closed", "open"), "instance=vm", "instance=other", 1), "pass"},
		{"a_breaker_that_the_spec_does_not_name", strings.ReplaceAll(turns(21, "closed", "open"), "order-processor:orders", "stock:items"), "fail; fail: breaker-log"},
		{"a_caller_that_scopes_leave_out", strings.ReplaceAll(turns(21, "closed", "open"), "app_id=checkout", "app_id=stock"), "fail; fail: breaker-log"},
		{"a_breaker_of_a_component", strings.ReplaceAll(turns(21, "closed", "open"), "order-processor:orders", "statestore"), "unknown"},
		{"a_retry_of_an_app_without_a_policy", at(1, "warning", "Error processing operation endpoint[stock, stock:items]. Retrying in 5s…"), "fail; fail: retry-log"},
		{"another_interval", at(1, "warning", "Error processing operation "+toldOperation+". Retrying in 4.9s…"), "fail; fail: retry-log"},
		{"the_built_in_retries_of_another_app", at(1, "warning", "Error processing operation DaprBuiltInServiceRetries. Retrying in 1s…"), "pass"},
		{"more_attempts_than_the_policy_has", begin + retrying + at(59, "info", "Recovered processing operation "+toldOperation+" after 11 attempts"), "fail; fail: retry-count"},
		{"less_time_than_the_pauses_take", begin + retrying + at(10.9, "info", "Recovered processing operation "+toldOperation+" after 3 attempts"), "fail; fail: retry-gap"},
		{"a_log_that_begins_later", retrying + at(10.9, "info", "Recovered processing operation "+toldOperation+" after 3 attempts"), "pass"},
		{"two_operations_and_one_recovers", begin + retrying + strings.Replace(retrying, ":01.000Z", ":08.000Z", 1) + at(11, "info", "Recovered processing operation "+toldOperation+" after 3 attempts"), "pass"},
		{"a_spec_that_did_not_load", at(0, "error", "Could not read resiliency policy myresiliency: bad"), "fail; fail: policy-loaded"},
		{"a_file_that_did_not_parse", at(0, "error", "Could not parse resiliency file r.yaml: bad"), "fail; fail: policy-loaded"},
		{"the_page_tells_no_interval_and_no_version", page, "pass"},
		{"seconds_alone_are_off_by_one", page + "INFO[0025] Circuit breaker \"order-processor:orders\" changed state from closed to open\nINFO[0029] Circuit breaker \"order-processor:orders\" changed state from open to half-open\n", "pass"},
		{"seconds_alone_and_too_early", page + "INFO[0025] Circuit breaker \"order-processor:orders\" changed state from closed to open\nINFO[0028] Circuit breaker \"order-processor:orders\" changed state from open to half-open\n", "fail; fail: open-time"},
		{"seconds_go_back_at_a_restart", "INFO[0025] Circuit breaker \"order-processor:orders\" changed state from closed to open\nINFO[0020] Circuit breaker \"order-processor:orders\" changed state from closed to open\n", "pass"},
		{"1.9_tells_no_interval", strings.ReplaceAll(strings.ReplaceAll(at(1, "info", "Error processing operation "+toldOperation+". Retrying..."), "1.18.3", "1.9.0"), "warning", "info"), "pass"},
		{"1.18_tells_one", at(1, "warning", "Error processing operation "+toldOperation+". Retrying..."), "fail; fail: log-wording"},
		{"1.13_is_no_warning", strings.ReplaceAll(at(1, "warning", "Error processing operation "+toldOperation+". Retrying in 5s…"), "1.18.3", "1.13.0"), "fail; fail: log-wording"},
		{"1.12_does_not_count", begin + retrying + strings.ReplaceAll(at(6, "info", "Recovered processing operation "+toldOperation+" after 2 attempts"), "1.18.3", "1.12.0"), "fail; fail: log-wording"},
		{"nothing_about_resiliency", "hello\n", "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec, problems := resiliency.Parse("resiliency.yaml", []byte(quickstartSpec))
			require.NoError(t, problems.Err())
			v := hearLog(t, spec, c.log)
			got, _, _ := strings.Cut(summary(v), "; unknown: ")
			require.Equal(t, c.want, got, "%s", strings.Join(v.Why, "\n"))
		})
	}
}

// No timeline and no log makes a check crash, and a verdict is the same each time.
func FuzzHear(f *testing.F) {
	dirs, err := filepath.Glob(filepath.Join(recordingsDir, "c*"))
	require.NoError(f, err)
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, "timeline.log"))
		require.NoError(f, err)
		lines := strings.SplitAfter(string(text), "\n")
		middle := len(lines) / 2 // around the fault: a seed must be short, or the fuzzer only shortens it
		f.Add(strings.Join(lines[middle-6:middle+6], ""))
	}
	spec, _ := resiliency.Parse("resiliency.yaml", []byte(quickstartSpec))
	f.Fuzz(func(t *testing.T, text string) {
		sound := func(v oracle.Verdict) {
			for _, r := range v.Results {
				require.NotContains(t, r.Why, "crashed")
			}
			require.NotContains(t, strings.Join(v.Why, " "), "could not be read")
		}
		sound(hearLog(t, spec, text))
		if h, err := testimony.Timeline("t", strings.NewReader(text), "checkout", "order-processor"); err == nil {
			v := oracle.Hear(spec, h, "checkout", "order-processor")
			sound(v)
			require.Equal(t, v, oracle.Hear(spec, h, "checkout", "order-processor"))
		}
	})
}
