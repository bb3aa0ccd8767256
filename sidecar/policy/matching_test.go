package policy

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// Which statuses are retried: all failures, or those of them that `matching` lists.
func TestStatuses(t *testing.T) {
	for _, c := range []struct {
		name, codes string
		retried     []int
		not         []int
	}{
		{"all_failures", ``, []int{101, 199, 400, 404, 429, 500, 599}, []int{200, 204, 302, 399, 600, 999}},
		{"a_list_of_codes_and_ranges", `httpStatusCodes: "429,500-599"`, []int{429, 500, 503, 599}, []int{101, 199, 200, 399, 400, 404, 428, 430, 499, 600}},
		{"one_code", `httpStatusCodes: "404"`, []int{404}, []int{101, 403, 405, 500}},
		{"a_bare_number", `httpStatusCodes: 404`, []int{404}, []int{403, 500}},
		{"successes_are_not_retried_though_listed", `httpStatusCodes: "100-404"`, []int{101, 199, 400, 404}, []int{200, 399, 405, 500}},
		{"empty_is_all", `httpStatusCodes: ""`, []int{101, 404, 599}, []int{200, 600}},
		{"codes_of_gRPC_do_not_count", `gRPCStatusCodes: "1-3,14"`, []int{101, 404, 599}, []int{200, 600}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := func(status int, err error) int {
					b := newBench(t, with("retries: { r: { duration: 1s, maxRetries: 1, matching: { "+c.codes+" } } }", "{ retry: r }"), "a")
					b.do(t.Context(), always(status, err))
					return len(b.starts)
				}
				for _, status := range c.retried {
					require.Equal(t, 2, attempts(status, nil), "%d", status)
				}
				for _, status := range c.not {
					require.Equal(t, 1, attempts(status, nil), "%d", status)
				}
				require.Equal(t, 2, attempts(0, errDown), "an error of the transport")
				require.Equal(t, 2, attempts(0, ErrTimedOut), "a timeout")
			})
		})
	}
}

// What `matching` leaves out of the retries is a failure for the breaker all the same, and so is 600 and above.
func TestStatusesThatABreakerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for status, opens := range map[int]bool{
			101: true, 199: true, 200: false, 204: false, 302: false, 399: false, 400: true, 401: true, 404: true, 429: true,
			500: true, 599: true, 600: true, 999: true,
		} {
			b := newBench(t, with(`retries: { r: { matching: { httpStatusCodes: "598" } } }`+
				"\ncircuitBreakers: { b: { trip: consecutiveFailures >= 1 } }", "{ retry: r, circuitBreaker: b }"), "a")
			require.NoError(t, b.say(t, status))
			require.Equal(t, opens, len(b.changes()) == 1, "%d", status)
		}
	})
}

func TestPatternsOfStatuses(t *testing.T) {
	for pattern, says := range map[string]string{
		" 500":        "failed to parse start code",
		"500, 501":    "failed to parse start code",
		"500 -599":    "failed to parse start code",
		"500- 599":    "failed to parse end code",
		"5xx":         "failed to parse start code",
		"500-5xx":     "failed to parse end code",
		"500-":        "failed to parse end code",
		"-500":        "failed to parse start code",
		",500":        "failed to parse start code",
		"500,":        "failed to parse start code",
		"500-501-502": "failed to parse end code",
		"[500]":       "failed to parse start code",
		"500-400":     "start code should be lower",
		"11":          "invalid pattern 11, start code 11 is not valid",
		"99":          "start code 99 is not valid",
		"600":         "start code 600 is not valid",
		"500-600":     "end code 600 is not valid",
		"429,99":      "start code 99 is not valid",
	} {
		_, err := parseCodes(pattern, 100, 599)
		require.ErrorContains(t, err, says, "%q", pattern)
	}
	for _, pattern := range []string{"", "100", "599", "100-599", "500-500", "429,500-599"} {
		_, err := parseCodes(pattern, 100, 599)
		require.NoError(t, err, "%q", pattern)
	}
	_, err := parseCodes("17", 0, 16)
	require.ErrorContains(t, err, "start code 17 is not valid", "gRPC's codes end at 16")
}
