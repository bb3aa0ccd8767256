package rogue

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// with puts policies and a target around a spec's own lines.
func with(policies, target string) string {
	return "kind: Resiliency\nmetadata: { name: x }\nspec:\n  policies:\n    " + strings.ReplaceAll(policies, "\n", "\n    ") +
		"\n  targets: { apps: { a: " + target + " } }\n"
}

// A bench runs operations in a bubble and notes what is said, with the time since it began.
type bench struct {
	engine *Engine
	target target
	began  time.Time

	mu     sync.Mutex
	lines  []string
	starts []time.Duration
}

func newBench(t *testing.T, text, app string) *bench {
	t.Helper()
	s, err := decode([]byte(text), "checkout", Honest)
	require.NoError(t, err)
	b := &bench{began: time.Now()}
	b.engine = &Engine{spec: s, breakers: map[string]*breaker{}, say: func(format string, args ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.lines = append(b.lines, fmt.Sprintf("%s ", time.Since(b.began))+fmt.Sprintf(format, args...))
	}}
	b.target = s.forApp(app, Honest)
	return b
}

func (b *bench) do(ctx context.Context, answer func(n int) result) result {
	return b.engine.do(ctx, b.target, "orders", false, func(_ context.Context, n int) result {
		b.mu.Lock()
		b.starts = append(b.starts, time.Since(b.began))
		b.mu.Unlock()
		return answer(n)
	})
}

func always(r result) func(int) result { return func(int) result { return r } }

func status(code int) result { return result{status: code} }

var down = result{err: fmt.Errorf("%w: connection refused", errUnreachable)}

// The rows of the sidecar's own table of policies, for an engine that shares nothing with it.
func TestWhatEndsAnOperation(t *testing.T) {
	const three = "retries: { r: { duration: 1s, maxRetries: 3 } }"
	const s = time.Second
	for _, c := range []struct {
		name, spec string
		app        string
		answer     func(n int) result
		attempts   int
		end        result
		took       time.Duration
	}{
		{"success_at_once", with(three, "{ retry: r }"), "a", always(status(200)), 1, status(200), 0},
		{"n_retries_are_n_plus_one_attempts", with(three, "{ retry: r }"), "a", always(status(500)), 4, status(500), 3 * s},
		{"success_on_the_last_retry", with(three, "{ retry: r }"), "a", failing(3), 4, status(200), 3 * s},
		{"none_is_none", with("retries: { r: { maxRetries: 0 } }", "{ retry: r }"), "a", always(status(500)), 1, status(500), 0},
		{"for_lack_of_a_policy_there_is_none", with(three, "{}"), "a", always(status(500)), 1, status(500), 0},
		{"constant_ignores_maxInterval", with("retries: { r: { policy: constant, duration: 2s, maxInterval: 1s, maxRetries: 2 } }", "{ retry: r }"), "a", always(status(500)), 3, status(500), 4 * s},
		{"constant_and_five_seconds_by_default", with("retries: { r: { maxRetries: 2 } }", "{ retry: r }"), "a", always(status(500)), 3, status(500), 10 * s},
		{"a_bare_number_is_milliseconds", with("retries: { r: { duration: 250, maxRetries: 1 } }", "{ retry: r }"), "a", always(status(500)), 2, status(500), s / 4},
		{"field_names_in_any_case", with("retries: { r: { DURATION: 1s, maxretries: 1 } }", "{ Retry: r }"), "a", always(status(500)), 2, status(500), s},
		{"for_ever_is_for_ever", with("retries: { r: {} }", "{ retry: r }"), "a", failing(1000), 1001, status(200), 5000 * s},
		{"a_status_that_matches", with(`retries: { r: { duration: 1s, maxRetries: 1, matching: { httpStatusCodes: "429,500-599" } } }`, "{ retry: r }"), "a", always(status(429)), 2, status(429), s},
		{"a_status_that_does_not_match", with(`retries: { r: { duration: 1s, maxRetries: 1, matching: { httpStatusCodes: "429,500-599" } } }`, "{ retry: r }"), "a", always(status(404)), 1, status(404), 0},
		{"matching_is_for_statuses_only", with(`retries: { r: { duration: 1s, maxRetries: 1, matching: { httpStatusCodes: "429" } } }`, "{ retry: r }"), "a", always(down), 2, down, s},
		{"a_redirect_is_no_failure", with(three, "{ retry: r }"), "a", always(status(302)), 1, status(302), 0},
		{"a_status_of_600_is_passed_on", with(three, "{ retry: r }"), "a", always(status(600)), 1, status(600), 0},
		{"a_named_target_switches_the_built_in_off", with(three, "{ timeout: none }"), "a", always(down), 1, down, 0},
		{"the_built_in_retries", with(three, "{}"), "another", always(down), 4, down, 3 * s},
		{"the_built_in_retries_are_for_no_status", with(three, "{}"), "another", always(status(500)), 1, status(500), 0},
		{"the_built_in_retries_multiply", with("retries: { DefaultRetryPolicy: { duration: 1s, maxRetries: 2 } }", "{}"), "another", always(down), 12, down, 11 * s},
		{"the_built_in_retries_can_not_be_lowered", with("retries: { DaprBuiltInServiceRetries: { duration: 2s, maxRetries: 1 } }", "{}"), "another", always(down), 4, down, 6 * s},
		{"the_built_in_retries_can_be_raised", with("retries: { DaprBuiltInServiceRetries: { duration: 1s, maxRetries: 5 } }", "{}"), "another", always(down), 6, down, 5 * s},
		{"a_default_policy_of_apps_goes_before_the_general_one", with("retries: { DefaultRetryPolicy: { duration: 1s, maxRetries: 2 }, DefaultAppRetryPolicy: { duration: 1s, maxRetries: 1 } }", "{}"), "another", always(status(500)), 2, status(500), s},
		{"a_breaker_that_outlasts_the_gap_ends_it", with(three+"\ncircuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 2 } }", "{ retry: r, circuitBreaker: b }"), "a", always(status(500)), 2, result{err: errOpen}, 2 * s},
		{"a_breaker_as_long_as_the_gap_probes_at_each_retry", with("retries: { r: { duration: 5s, maxRetries: 3 } }\ncircuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 2 } }", "{ retry: r, circuitBreaker: b }"), "a", always(status(500)), 4, status(500), 15 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, c.spec, c.app)
				require.Equal(t, c.end, b.do(t.Context(), c.answer))
				require.Len(t, b.starts, c.attempts)
				require.Equal(t, c.took, time.Since(b.began))
			})
		})
	}
}

func failing(times int) func(int) result {
	return func(n int) result {
		if n <= times {
			return status(503)
		}
		return status(200)
	}
}

func TestTheQuickstartSecondBySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { policy: constant, maxInterval: 5s, maxRetries: -1 } }\ncircuitBreakers: { b: { maxRequests: 1, timeout: 5s, trip: consecutiveFailures >= 5 } }", "{ retry: r, circuitBreaker: b }"), "a")
		require.Equal(t, status(200), b.do(t.Context(), func(int) result {
			if time.Since(b.began) < 33*time.Second {
				return down
			}
			return status(200)
		}))
		require.Equal(t, []string{
			"0s Error processing operation endpoint[a, a:orders]. Retrying...",
			`20s Circuit breaker "a:orders" changed state from closed to open`,
			`25s Circuit breaker "a:orders" changed state from open to half-open`, `25s Circuit breaker "a:orders" changed state from half-open to open`,
			`30s Circuit breaker "a:orders" changed state from open to half-open`, `30s Circuit breaker "a:orders" changed state from half-open to open`,
			`35s Circuit breaker "a:orders" changed state from open to half-open`, `35s Circuit breaker "a:orders" changed state from half-open to closed`,
			"35s Recovered processing operation endpoint[a, a:orders] after 8 attempts",
		}, b.lines)
	})
}

func TestHalfOpenAdmitsSoManyInTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("circuitBreakers: { b: { maxRequests: 3, timeout: 5s, trip: consecutiveFailures >= 1 } }", "{ circuitBreaker: b }"), "a")
		b.do(t.Context(), always(status(500)))
		require.Equal(t, errOpen, b.do(t.Context(), always(status(200))).err)
		time.Sleep(5 * time.Second)
		require.Equal(t, status(200), b.do(t.Context(), always(status(200))))
		require.Equal(t, status(200), b.do(t.Context(), always(status(200))))
		release, third := make(chan struct{}), make(chan result)
		go func() { third <- b.do(t.Context(), func(int) result { <-release; return status(200) }) }()
		synctest.Wait()
		require.Equal(t, errTooMany, b.do(t.Context(), always(status(200))).err, "two have finished and free no slot")
		close(release)
		require.Equal(t, status(200), <-third)
		require.Len(t, b.lines, 3, "it is closed")
	})
}

func TestAWindowClearsAllCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("circuitBreakers: { b: { interval: 4s, timeout: 5s, trip: totalFailures > 3 } }", "{ circuitBreaker: b }"), "a")
		for range 8 { // never four in four seconds
			b.do(t.Context(), always(status(500)))
			time.Sleep(1500 * time.Millisecond)
		}
		require.Empty(t, b.lines)
		for range 5 {
			b.do(t.Context(), always(status(500)))
		}
		require.Len(t, b.lines, 1)
	})
}

func TestTheTimeoutIsForEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("timeouts: { t: 2s }\nretries: { r: { duration: 1s, maxRetries: 2 } }", "{ timeout: t, retry: r }"), "a")
		end := b.engine.do(t.Context(), b.target, "orders", false, func(ctx context.Context, _ int) result {
			b.starts = append(b.starts, time.Since(b.began))
			<-ctx.Done()
			return result{err: ctx.Err()}
		})
		require.Equal(t, errTimeout, end.err)
		require.Equal(t, []time.Duration{0, 3 * time.Second, 6 * time.Second}, b.starts)
		require.Equal(t, 8*time.Second, time.Since(b.began))
	})
}

func TestExponentialGapsStayInTheirEnvelope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { policy: Exponential, maxInterval: 1s } }", "{ retry: r }"), "a")
		b.do(t.Context(), always(status(500)))
		require.LessOrEqual(t, time.Since(b.began), 15*time.Minute, "it ends even with −1")
		require.Greater(t, time.Since(b.began), 15*time.Minute-1500*time.Millisecond)
		nominal := 500 * time.Millisecond
		for i := 1; i < len(b.starts); i++ {
			gap := b.starts[i] - b.starts[i-1]
			require.GreaterOrEqual(t, gap, nominal/2, "gap %d", i)
			require.LessOrEqual(t, gap, nominal*3/2, "gap %d", i)
			nominal = min(nominal*3/2, time.Second)
		}
	})
}
