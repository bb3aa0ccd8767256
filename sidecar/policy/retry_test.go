package policy

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// What ends an operation, and after how many attempts.
func TestWhatEndsAnOperation(t *testing.T) {
	constant := "retries: { r: { duration: 1s, maxRetries: 3 } }"
	for _, c := range []struct {
		name, spec string
		answer     func(n int) (int, error)
		attempts   int
		status     int
		err        error
		took       time.Duration
	}{
		{"success_at_once", with(constant, "{ retry: r }"), always(200, nil), 1, 200, nil, 0},
		{"n_retries_are_n_plus_one_attempts", with(constant, "{ retry: r }"), always(500, nil), 4, 500, nil, 3 * time.Second},
		{"success_on_the_last_retry", with(constant, "{ retry: r }"), failing(3), 4, 200, nil, 3 * time.Second},
		{"none_is_none", with("retries: { r: { maxRetries: 0 } }", "{ retry: r }"), always(500, nil), 1, 500, nil, 0},
		{"four_hundreds_are_retried", with(constant, "{ retry: r }"), always(404, nil), 4, 404, nil, 3 * time.Second},
		{"one_hundred_and_one_is_a_failure", with(constant, "{ retry: r }"), always(101, nil), 4, 101, nil, 3 * time.Second},
		{"three_hundreds_are_not", with(constant, "{ retry: r }"), always(399, nil), 1, 399, nil, 0},
		{"six_hundred_and_above_is_not", with(constant, "{ retry: r }"), always(600, nil), 1, 600, nil, 0},
		{"matching_leaves_others_out", with(`retries: { r: { duration: 1s, maxRetries: 3, matching: { httpStatusCodes: "429,500-599" } } }`, "{ retry: r }"), always(404, nil), 1, 404, nil, 0},
		{"matching_takes_what_it_lists", with(`retries: { r: { duration: 1s, maxRetries: 3, matching: { httpStatusCodes: "429,500-599" } } }`, "{ retry: r }"), always(503, nil), 4, 503, nil, 3 * time.Second},
		{"matching_does_not_filter_transport_errors", with(`retries: { r: { duration: 1s, maxRetries: 3, matching: { httpStatusCodes: "429" } } }`, "{ retry: r }"), always(0, errDown), 4, 0, errDown, 3 * time.Second},
		{"a_bare_number_is_milliseconds", with("retries: { r: { duration: 250, maxRetries: 1 } }", "{ retry: r }"), always(500, nil), 2, 500, nil, 250 * time.Millisecond},
		{"field_names_in_any_case", with("retries: { r: { DURATION: 1s, maxretries: 1 } }", "{ Retry: r }"), always(500, nil), 2, 500, nil, time.Second},
		{"a_named_target_switches_the_built_in_off", with(constant, "{ timeout: none }"), always(0, errDown), 1, 0, errDown, 0},
		{"a_breaker_that_outlasts_the_gap_ends_it", with(constant+"\ncircuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 2 } }", "{ retry: r, circuitBreaker: b }"), always(500, nil), 2, 0, ErrOpen, 2 * time.Second},
		{"a_breaker_as_long_as_the_gap_probes_at_each_retry", with("retries: { r: { duration: 5s, maxRetries: 3 } }\ncircuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 2 } }", "{ retry: r, circuitBreaker: b }"), always(500, nil), 4, 500, nil, 15 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, c.spec, "a")
				status, err := b.do(t.Context(), c.answer)
				require.ErrorIs(t, err, c.err)
				require.Equal(t, c.status, status)
				require.Len(t, b.starts, c.attempts)
				require.Equal(t, c.took, time.Since(b.began))
			})
		})
	}
}

func failing(times int) func(int) (int, error) {
	return func(n int) (int, error) {
		if n <= times {
			return 503, nil
		}
		return 200, nil
	}
}

func TestExponentialGapsStayInTheirEnvelope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { policy: Exponential, maxInterval: 1s } }", "{ retry: r }"), "a")
		status, err := b.do(t.Context(), always(500, nil))
		require.NoError(t, err)
		require.Equal(t, 500, status)
		require.LessOrEqual(t, time.Since(b.began), 15*time.Minute, "it ends even with −1")
		require.Greater(t, time.Since(b.began), 14*time.Minute)
		nominal := 500 * time.Millisecond
		for i := 1; i < len(b.starts); i++ {
			gap := b.starts[i] - b.starts[i-1]
			require.GreaterOrEqual(t, gap, nominal/2, "gap %d", i)
			require.LessOrEqual(t, gap, nominal*3/2+1, "gap %d", i)
			nominal = min(nominal*3/2, time.Second)
		}
	})
}

func TestARequestThatCannotBeSentAgainIsRetriedOnlyAfterATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { duration: 1s, maxRetries: 2 } }", "{ retry: r }"), "a")
		for err, attempts := range map[error]int{errDown: 1, ErrTimedOut: 3} {
			n := 0
			b.engine.Do(t.Context(), b.target, "orders", true, func(context.Context, int) (int, error) {
				n++
				return 0, err
			})
			require.Equal(t, attempts, n, "%v", err)
		}
	})
}

func TestTheEndOfTheCallerOrOfTheSidecarEndsTheRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, quickstart, "order-processor")
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		_, err := b.do(ctx, always(0, errDown))
		require.ErrorIs(t, err, ErrUnreachable)
		require.Len(t, b.starts, 2)
		stop := make(chan struct{})
		b.engine = NewEngine(b, stop)
		time.AfterFunc(2*time.Second, func() { close(stop) })
		began := time.Now()
		_, err = b.do(t.Context(), always(0, errDown))
		require.ErrorIs(t, err, ErrUnreachable, "with the answer of the last attempt")
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}
