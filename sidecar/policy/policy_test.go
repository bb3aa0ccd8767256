package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A log notes what an engine says, with the time since it began.
type log struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%s ", time.Since(l.began))+fmt.Sprintf(format, args...))
}

func (l *log) Retrying(op, _ string, gap time.Duration) { l.add("retrying %s in %s", op, gap) }
func (l *log) Recovered(op string, n int)               { l.add("recovered after %d", n) }
func (l *log) Changed(name, _ string, from, to gobreaker.State) {
	l.add("%s: %s to %s", name, from, to)
}
func (l *log) TimedOut(string) { l.add("timed out") }

// quickstart is the page's own spec.
const quickstart = `
kind: Resiliency
metadata: { name: myresiliency }
spec:
  policies:
    retries: { retryForever: { policy: constant, maxInterval: 5s, maxRetries: -1 } }
    circuitBreakers: { simpleCB: { maxRequests: 1, timeout: 5s, trip: consecutiveFailures >= 5 } }
  targets: { apps: { order-processor: { retry: retryForever, circuitBreaker: simpleCB } } }
`

func load(t testing.TB, spec string) *Policies {
	t.Helper()
	r, err := Decode([]byte(spec))
	require.NoError(t, err)
	p := New()
	require.NoError(t, p.Add(r))
	return p
}

// with puts policies and an app target around a spec's own lines.
func with(policies, target string) string {
	return "kind: Resiliency\nmetadata: { name: x }\nspec:\n  policies:\n    " + strings.ReplaceAll(strings.TrimSpace(policies), "\n", "\n    ") +
		"\n  targets: { apps: { a: " + target + " } }\n"
}

var errDown = fmt.Errorf("%w: connection refused", ErrUnreachable)

// A bench runs operations against a target in a bubble.
type bench struct {
	*log
	engine *Engine
	target Target
	starts []time.Duration
}

func newBench(t testing.TB, spec, app string) *bench {
	b := &bench{log: &log{began: time.Now()}}
	b.engine, b.target = NewEngine(b, nil), load(t, spec).For(app)
	return b
}

// do runs one operation; answer gives the outcome of the n-th attempt.
func (b *bench) do(ctx context.Context, answer func(n int) (int, error)) (int, error) {
	return b.engine.Do(ctx, b.target, "orders", false, func(ctx context.Context, n int) (int, error) {
		b.mu.Lock()
		b.starts = append(b.starts, time.Since(b.began))
		b.mu.Unlock()
		return answer(n)
	})
}

func TestTheQuickstartSecondBySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, quickstart, "order-processor")
		status, err := b.do(t.Context(), func(int) (int, error) {
			if time.Since(b.began) < 43*time.Second {
				return 0, errDown
			}
			return 200, nil
		})
		require.NoError(t, err)
		require.Equal(t, 200, status)
		var want []time.Duration
		for at := 0; at <= 45; at += 5 {
			want = append(want, time.Duration(at)*time.Second)
		}
		require.Equal(t, want, b.starts)
		require.Equal(t, []string{
			"0s retrying endpoint[order-processor, order-processor:orders] in 5s",
			"20s order-processor:orders: closed to open",
			"25s order-processor:orders: open to half-open", "25s order-processor:orders: half-open to open",
			"30s order-processor:orders: open to half-open", "30s order-processor:orders: half-open to open",
			"35s order-processor:orders: open to half-open", "35s order-processor:orders: half-open to open",
			"40s order-processor:orders: open to half-open", "40s order-processor:orders: half-open to open",
			"45s order-processor:orders: open to half-open", "45s order-processor:orders: half-open to closed",
			"45s recovered after 10",
		}, b.lines)
	})
}

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

func always(status int, err error) func(int) (int, error) {
	return func(int) (int, error) { return status, err }
}

func failing(times int) func(int) (int, error) {
	return func(n int) (int, error) {
		if n <= times {
			return 503, nil
		}
		return 200, nil
	}
}

func TestBuiltInRetriesActOnlyWhereTheSidecarCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: {}", "{}"), "another")
		_, err := b.do(t.Context(), always(0, errDown))
		require.ErrorIs(t, err, ErrUnreachable)
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}, b.starts)
		require.Equal(t, []string{"0s retrying DaprBuiltInServiceRetries in 1s"}, b.lines)
		b.starts = nil
		_, err = b.do(t.Context(), always(0, errors.New("the app is down")))
		require.Error(t, err)
		status, err := b.do(t.Context(), always(500, nil))
		require.NoError(t, err)
		require.Equal(t, 500, status)
		require.Len(t, b.starts, 2)
	})
}

func TestBuiltInRetriesMultiplyWithADefaultPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { DefaultRetryPolicy: { duration: 1s, maxRetries: 2 } }", "{}"), "another")
		_, err := b.do(t.Context(), always(0, errDown))
		require.ErrorIs(t, err, ErrUnreachable)
		require.Len(t, b.starts, 4*(2+1))
	})
}

func TestBuiltInRetriesCanBeRaisedAndNotLowered(t *testing.T) {
	for max, attempts := range map[string]int{"5": 6, "1": 4, "-1": 4} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, with("retries: { DaprBuiltInServiceRetries: { duration: 1s, maxRetries: "+max+" } }", "{}"), "another")
			_, err := b.do(t.Context(), always(0, errDown))
			require.ErrorIs(t, err, ErrUnreachable)
			require.Len(t, b.starts, attempts, "maxRetries %s", max)
		})
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

func TestATimeoutIsForEachAttemptAndIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("timeouts: { t: 2s }\nretries: { r: { duration: 1s, maxRetries: 2 } }", "{ timeout: t, retry: r }"), "a")
		_, err := b.engine.Do(t.Context(), b.target, "orders", false, func(ctx context.Context, n int) (int, error) {
			b.starts = append(b.starts, time.Since(b.began))
			<-ctx.Done()
			return 0, ctx.Err()
		})
		require.ErrorIs(t, err, ErrTimedOut)
		require.Equal(t, "context deadline exceeded", err.Error())
		require.Equal(t, []time.Duration{0, 3 * time.Second, 6 * time.Second}, b.starts)
		require.Equal(t, 8*time.Second, time.Since(b.began), "(n+1)·timeout + n·interval")
		require.Equal(t, []string{"2s timed out", "2s retrying endpoint[a, a:orders] in 1s"}, b.lines, "each is said once an operation")
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

func TestHalfOpenAdmitsSoManyInTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("circuitBreakers: { b: { maxRequests: 3, timeout: 5s, trip: consecutiveFailures >= 1 } }", "{ circuitBreaker: b }"), "a")
		b.do(t.Context(), always(500, nil))
		_, err := b.do(t.Context(), always(200, nil))
		require.ErrorIs(t, err, ErrOpen)
		require.Equal(t, "circuit breaker is open", err.Error())
		time.Sleep(5 * time.Second)
		for range 2 {
			status, err := b.do(t.Context(), always(200, nil))
			require.NoError(t, err)
			require.Equal(t, 200, status)
		}
		release := make(chan struct{})
		third := make(chan error)
		go func() {
			_, err := b.do(t.Context(), func(int) (int, error) { <-release; return 200, nil })
			third <- err
		}()
		synctest.Wait()
		_, err = b.do(t.Context(), always(200, nil))
		require.ErrorIs(t, err, ErrTooMany, "two have finished and free no slot")
		require.Equal(t, "too many requests", err.Error())
		close(release)
		require.NoError(t, <-third)
		require.Equal(t, []string{"0s a:orders: closed to open", "5s a:orders: open to half-open", "5s a:orders: half-open to closed"}, b.lines)
	})
}

func TestOneBreakerAPathAndTheLeastRecentlyUsedGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("circuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 1 } }", "{ circuitBreaker: b, circuitBreakerCacheSize: 2 }"), "a")
		try := func(path string, status int) error {
			_, err := b.engine.Do(t.Context(), b.target, path, false, func(context.Context, int) (int, error) { return status, nil })
			return err
		}
		require.NoError(t, try("one", 500))
		require.ErrorIs(t, try("one/", 200), ErrOpen, "a trailing slash doesn't matter")
		require.ErrorIs(t, try("%6Fne", 200), ErrOpen, "nor the way of encoding")
		require.NoError(t, try("two", 200))
		require.NoError(t, try("three", 200), "the third path drives the first one out")
		require.NoError(t, try("one", 200), "whose state is gone")
	})
}

func TestAWindowClearsAllCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("circuitBreakers: { b: { interval: 4s, timeout: 5s, trip: totalFailures > 3 } }", "{ circuitBreaker: b }"), "a")
		for range 8 { // never four in four seconds
			_, err := b.do(t.Context(), always(500, nil))
			require.NoError(t, err)
			time.Sleep(1500 * time.Millisecond)
		}
		require.Empty(t, b.lines)
		for range 5 {
			b.do(t.Context(), always(500, nil))
		}
		require.Len(t, b.lines, 1)
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

func TestWhatDoesNotDecode(t *testing.T) {
	for name, c := range map[string]struct{ spec, says string }{
		"a_bad_duration":    {with("timeouts: { t: soon }", "{}"), `invalid duration "t"`},
		"a_bad_policy":      {with("retries: { r: { policy: linear } }", "{}"), "unrecognized retry policy"},
		"a_bad_status":      {with(`retries: { r: { matching: { httpStatusCodes: "11" } } }`, "{}"), "invalid pattern 11, start code 11 is not valid"},
		"a_reversed_range":  {with(`retries: { r: { matching: { httpStatusCodes: "500-400" } } }`, "{}"), "start code should be lower"},
		"a_blank_in_a_list": {with(`retries: { r: { matching: { httpStatusCodes: "500, 501" } } }`, "{}"), "failed to parse"},
		"bad_CEL":           {with("circuitBreakers: { b: { trip: 'consecutiveFailures >' } }", "{}"), "trip"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decode([]byte(c.spec))
			require.NoError(t, err)
			require.ErrorContains(t, New().Add(r), c.says)
		})
	}
	_, err := Decode([]byte("kind: Component\n"))
	require.ErrorIs(t, err, ErrOtherKind)
	_, err = Decode([]byte("kind: Resiliency\nspec: [1]\n"))
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrOtherKind)
}

func TestAnUnknownVariableLoadsAndIsFalse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("circuitBreakers: { b: { trip: consecutivefailures >= 1 } }", "{ circuitBreaker: b }"), "a")
		for range 10 {
			b.do(t.Context(), always(500, nil))
		}
		require.Empty(t, b.lines)
	})
}

func TestPoliciesReadBeforeAnErrorStayAndTargetsBehindItDoNot(t *testing.T) {
	r, err := Decode([]byte(with("retries: { DefaultRetryPolicy: { maxRetries: 2 } }\ncircuitBreakers: { b: { timeout: soon } }", "{ retry: DefaultRetryPolicy }")))
	require.NoError(t, err)
	p := New()
	require.Error(t, p.Add(r))
	target := p.For("a")
	require.NotNil(t, target.builtin, "no target was applied, so the built-in retries are on")
	require.Equal(t, 2, target.retry.max, "the default policy was read before the error")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(quickstart))
	if recorded, err := os.ReadFile("../../scenarios/stop-order-processor/resiliency.yaml"); err == nil {
		f.Add(recorded)
	}
	f.Add([]byte(with(`retries: { r: { matching: { httpStatusCodes: "1-" } } }`, "{}")))
	f.Fuzz(func(t *testing.T, spec []byte) {
		r, err := Decode(spec)
		if err != nil {
			return
		}
		p := New()
		if p.Add(r) == nil {
			p.For("a")
		}
	})
}

// The policy layer's own cost where nothing fails.
func BenchmarkDo(b *testing.B) {
	e := NewEngine(&log{began: time.Now()}, nil)
	target := load(b, quickstart).For("order-processor")
	attempt := func(context.Context, int) (int, error) { return 200, nil }
	b.ReportAllocs()
	for b.Loop() {
		e.Do(context.Background(), target, "orders", false, attempt)
	}
}
