package oracle_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/testimony"
)

// recordingsDir holds runs of real daprd that halfopen did not watch: see their README.
var recordingsDir = filepath.Join("..", "..", "sidecar", "testdata", "recordings")

// toldOnce gives a recording's spec and timeline.
func toldOnce(t testing.TB, name string) (*resiliency.Spec, []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(recordingsDir, name, "timeline.log"))
	require.NoError(t, err)
	file := filepath.Join(recordingsDir, name, "resiliency.yaml")
	raw, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, text
	}
	require.NoError(t, err)
	spec, _ := resiliency.Parse(file, raw)
	require.NotNil(t, spec)
	return spec, text
}

func hear(t testing.TB, spec *resiliency.Spec, timeline []byte) oracle.Verdict {
	t.Helper()
	h, err := testimony.Timeline("timeline.log", bytes.NewReader(timeline), "checkout", "order-processor")
	require.NoError(t, err)
	return oracle.Hear(spec, h, "checkout", "order-processor")
}

// summary is a verdict in one line: the checks that failed, and those that are unknown.
func summary(v oracle.Verdict) string {
	out := string(v.Outcome)
	for _, o := range []oracle.Outcome{oracle.Fail, oracle.Unknown} {
		var names []string
		for _, r := range v.Results {
			if r.Applies && r.Outcome == o {
				names = append(names, r.Check)
			}
		}
		if len(names) > 0 {
			out += "; " + string(o) + ": " + strings.Join(names, " ")
		}
	}
	return out
}

// What daprd did in each recording. It breaks one promise: after a time without the target's sidecar it dials again
// only when a back-off of its own has gone by, so the probes until then fail without touching the network.
func TestEachRecordingIsJudgedRightly(t *testing.T) {
	const kept, late = "pass", "fail; fail: recovery"
	wants := map[string]string{
		"c01": late, "c01-r5": late, "c04json": late, "c06const_down": late, "c10": late,
		"c02": kept, "c04": kept, "c05_404": kept, "c05_500": kept, "c06const_500": kept, "c06exp_500": kept,
		"c06match_503": kept, "c06timeout_retry": kept, "c07_down": kept, "c08_500": kept, "c08_half": kept,
		"c08_half3": kept, "c08_retry1s": kept, "c09_interval": kept, "c09_total": kept,
		// A status that matching leaves out is not retried, so no line shows that there is a policy.
		"c06match_404": "pass; unknown: policy-loaded",
		// What was swallowed never reached an app that could tell when it was given up.
		"c11side_black_to2": "fail; fail: recovery; unknown: attempt-timeout",
		"c12_badspec":       "fail; fail: policy-loaded",
	}
	dirs, err := filepath.Glob(filepath.Join(recordingsDir, "c*"))
	require.NoError(t, err)
	require.Len(t, dirs, len(wants))
	for _, dir := range dirs {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			spec, timeline := toldOnce(t, name)
			v := hear(t, spec, timeline)
			require.Equal(t, wants[name], summary(v), "%s", strings.Join(v.Why, "\n"))
		})
	}
}

// daprdsLog is a recording's lines of the caller's sidecar, as its log would hold them.
func daprdsLog(timeline []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(timeline)) {
		if _, text, ok := strings.Cut(line, " daprd-checkout "); ok {
			out.WriteString(strings.TrimLeft(text, " "))
		}
	}
	return out.String()
}

func hearLog(t testing.TB, spec *resiliency.Spec, log string) oracle.Verdict {
	t.Helper()
	h, err := testimony.Logs([]testimony.Log{{Name: "daprd.log", Reader: strings.NewReader(log)}}, "checkout")
	require.NoError(t, err)
	return oracle.Hear(spec, h, "checkout", "order-processor")
}

// Without the apps' word nobody can say that daprd recovered late; and what can't be said is named.
func TestEachRecordingsLogAloneIsKeptAsFarAsItCanTell(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(recordingsDir, "c*"))
	require.NoError(t, err)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			spec, timeline := toldOnce(t, filepath.Base(dir))
			v := hearLog(t, spec, daprdsLog(timeline))
			got := summary(v)
			switch filepath.Base(dir) {
			case "c12_badspec":
				require.Contains(t, got, "fail; fail: policy-loaded; unknown: ")
			case "c06match_404":
				require.Contains(t, got, "unknown; unknown: policy-loaded")
			default:
				require.Contains(t, got, "pass; unknown: ")
				require.Contains(t, got, " recovery caller-told orders-lost orders-duplicated orders-reordered")
			}
		})
	}
}

// A recording into which one lie or one wrong deed is written: each must be found by the check whose promise it breaks.
func TestAWrongLineInARecordingIsFound(t *testing.T) {
	for _, c := range []struct{ name, recording, old, instead, want string }{
		{"another_interval_is_told", "c02", "Retrying in 5s…", "Retrying in 4s…", "retry-log"},
		{"an_interval_of_another_form", "c02", "Retrying in 5s…", "Retrying...", "log-wording"},
		{"another_level", "c02", "level=warning", "level=info", "log-wording"},
		{"more_attempts_than_time_for_them", "c02", "after 10 attempts", "after 11 attempts", "retry-gap"},
		{"one_attempt_is_no_recovery", "c02", "after 10 attempts", "after 1 attempts", "retry-count"},
		{"more_attempts_than_retries", "c06timeout_retry", "after 2 attempts", "after 4 attempts", "retry-count"},
		{"a_retry_too_early", "c05_404", "   +10.817 order-processor", "    +9.817 order-processor", "retry-gap"},
		{"a_retry_less", "c06match_503", "    +3.816 order-processor  Order received", "    +3.816 order-processor  Nothing", "retry-count"},
		{"a_retry_where_none_matches", "c06match_404", "    +2.806 checkout         Order sending: {\"orderId\": 7}\n", "    +2.806 checkout         Order sending: {\"orderId\": 7}\n    +2.807 order-processor  Order received: {\"orderId\": 7} (hit 7) -> answering 404\n", "retry-gap retry-count retry-log"},
		{"an_attempt_given_up_early", "c06timeout_retry", "    +5.804 order-processor", "    +5.304 order-processor", "attempt-timeout"},
		{"a_breaker_opens_too_early", "c08_500", "    +4.800 daprd-checkout", "    +3.800 daprd-checkout", "breaker-trips nothing-crosses-while-open"},
		{"a_breaker_does_not_open", "c08_500", "changed state from closed to open", "changed", "breaker-trips breaker-log caller-told"},
		{"a_breaker_opens_on_another_count", "c02", "metrics          dapr_runtime_service_invocation_req_sent_total 9\n", "metrics          dapr_runtime_service_invocation_req_sent_total 8\n", "breaker-trips"},
		{"half_open_too_early", "c02", "   +25.816 daprd-checkout", "   +24.816 daprd-checkout", "open-time"},
		{"one_probe_too_many", "c08_half", "    +6.544 checkout", "    +6.543 order-processor  Order received: {\"orderId\": 31} (hit 11) -> delaying 2s\n    +6.544 checkout", "half-open-admissions"},
		{"an_order_crosses_while_open", "c08_500", "    +6.798 checkout", "    +6.700 order-processor  Order received: {\"orderId\": 11} (hit 9) -> answering 500\n    +6.798 checkout", "nothing-crosses-while-open"},
		{"it_closes_without_a_success", "c08_500", "   +28.800 order-processor  Order received", "   +28.800 order-processor  Nothing", "breaker-closes orders-lost"},
		{"an_order_passes_unseen", "c02", "order-processor  Order received: {\"orderId\": 7}", "order-processor  Nothing", "orders-lost"},
		{"an_order_comes_twice", "c02", "order-processor  Order received: {\"orderId\": 8}\n", "order-processor  Order received: {\"orderId\": 8}\n   +49.000 order-processor  Order received: {\"orderId\": 8}\n", "orders-duplicated"},
		{"orders_change_places", "c02", "{\"orderId\": 9}", "{\"orderId\": 90}", "orders-reordered"},
		{"a_status_that_no_app_answered", "c06match_404", "{\"orderId\": 8} status=404", "{\"orderId\": 8} status=409", "caller-told"},
		{"a_refusal_without_a_breaker_open", "c08_500", "    +1.801 checkout         Order failed: {\"orderId\": 6} status=500 body={\"appError\":\"order-processor says 500\"}", "    +1.801 checkout         Order failed: {\"orderId\": 6} status=500 body={\"errorCode\":\"ERR_DIRECT_INVOKE\",\"message\":\"failed to invoke, id: order-processor, err: circuit breaker is open\"}", "caller-told"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec, text := toldOnce(t, c.recording)
			require.Contains(t, string(text), c.old)
			v := hear(t, spec, bytes.ReplaceAll(text, []byte(c.old), []byte(c.instead)))
			failed, _, _ := strings.Cut(strings.TrimPrefix(summary(v), "fail; fail: "), ";")
			require.Equal(t, c.want, failed, "%s", strings.Join(v.Why, "\n"))
		})
	}
}
