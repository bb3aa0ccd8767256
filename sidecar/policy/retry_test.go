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
		{"for_lack_of_a_policy_there_is_none", with(constant, "{}"), always(500, nil), 1, 500, nil, 0},
		{"constant_ignores_maxInterval", with("retries: { r: { policy: constant, duration: 2s, maxInterval: 1s, maxRetries: 2 } }", "{ retry: r }"), always(500, nil), 3, 500, nil, 4 * time.Second},
		{"maxInterval_is_no_duration_either", with("retries: { r: { policy: constant, maxInterval: 1s, maxRetries: 2 } }", "{ retry: r }"), always(500, nil), 3, 500, nil, 10 * time.Second},
		{"constant_and_five_seconds_by_default", with("retries: { r: { maxRetries: 2 } }", "{ retry: r }"), always(500, nil), 3, 500, nil, 10 * time.Second},
		{"the_policy_in_any_case", with("retries: { r: { policy: CONSTANT, duration: 1s, maxRetries: 2 } }", "{ retry: r }"), always(500, nil), 3, 500, nil, 2 * time.Second},
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
		require.Greater(t, time.Since(b.began), 15*time.Minute-1500*time.Millisecond, "and not before the next gap would pass 15 minutes")
		nominal := 500 * time.Millisecond
		for i := 1; i < len(b.starts); i++ {
			gap := b.starts[i] - b.starts[i-1]
			require.GreaterOrEqual(t, gap, nominal/2, "gap %d", i)
			require.LessOrEqual(t, gap, nominal*3/2+1, "gap %d", i)
			nominal = min(nominal*3/2, time.Second)
		}
	})
}

// For ever is longer than the 15 minutes of the exponential policy.
func TestConstantRetriesWithoutALimitDoNotEnd(t *testing.T) {
	for _, r := range []string{"{}", "{ maxRetries: -1 }", "{ maxRetries: -2 }"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, with("retries: { r: "+r+" }", "{ retry: r }"), "a")
			status, err := b.do(t.Context(), failing(1000))
			require.NoError(t, err)
			require.Equal(t, 200, status)
			require.Equal(t, 5000*time.Second, time.Since(b.began))
			require.Equal(t, []string{"0s retrying endpoint[a, a:orders] in 5s", "1h23m20s recovered after 1001"}, b.lines, "one line an operation")
		})
	}
}

func TestGivingUpLogsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { duration: 1s, maxRetries: 2 } }", "{ retry: r }"), "a")
		require.NoError(t, b.say(t, 200))
		require.Empty(t, b.lines, "nor does success at once")
		require.NoError(t, b.say(t, 500))
		require.Equal(t, []string{"0s retrying endpoint[a, a:orders] in 1s"}, b.lines)
	})
}

// The first gap is 500 ms ± 50 % whatever the cap; the others are jittered after the cap, so they may pass it.
func TestTheCapOfExponentialGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { policy: exponential, maxInterval: 100ms, maxRetries: 5 } }", "{ retry: r }"), "a")
		var longest time.Duration
		for range 100 {
			b.starts = nil
			require.NoError(t, b.say(t, 500))
			first := b.starts[1] - b.starts[0]
			require.GreaterOrEqual(t, first, 250*time.Millisecond)
			require.LessOrEqual(t, first, 750*time.Millisecond)
			for i := 2; i < len(b.starts); i++ {
				gap := b.starts[i] - b.starts[i-1]
				require.GreaterOrEqual(t, gap, 50*time.Millisecond)
				require.LessOrEqual(t, gap, 150*time.Millisecond+1)
				longest = max(longest, gap)
			}
		}
		require.Greater(t, longest, 100*time.Millisecond, "400 gaps, each with even odds to pass the cap")
	})
}

func TestExponentialGapsAreCappedAtAMinuteByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { policy: exponential, duration: 1ms } }", "{ retry: r }"), "a")
		var last time.Duration
		for range 20 {
			b.starts = nil
			began := time.Now()
			require.NoError(t, b.say(t, 500))
			require.LessOrEqual(t, time.Since(began), 15*time.Minute)
			require.Greater(t, time.Since(began), 15*time.Minute-90*time.Second, "it ends where the next gap would pass 15 minutes")
			for i := 15; i < len(b.starts); i++ { // nominal: 500 ms · 1.5¹³ is beyond the cap
				gap := b.starts[i] - b.starts[i-1]
				require.GreaterOrEqual(t, gap, 30*time.Second)
				require.LessOrEqual(t, gap, 90*time.Second+1)
				last = max(last, gap)
			}
		}
		require.Greater(t, last, time.Minute, "the jitter comes after the cap")
	})
}

func TestARequestThatCannotBeSentAgainIsRetriedOnlyAfterATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { duration: 1s, maxRetries: 2 } }", "{ retry: r }"), "a")
		builtin := newBench(t, with("retries: {}", "{}"), "another")
		for _, c := range []struct {
			bench    *bench
			status   int
			err      error
			attempts int
		}{{b, 0, errDown, 1}, {b, 500, nil, 1}, {b, 0, ErrTimedOut, 3}, {builtin, 0, errDown, 1}} {
			n := 0
			c.bench.engine.Do(t.Context(), c.bench.target, "orders", true, func(context.Context, int) (int, error) {
				n++
				return c.status, c.err
			})
			require.Equal(t, c.attempts, n, "%d %v", c.status, c.err)
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
