package policy

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

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
	})
}

func TestWithoutATimeoutAHungAppHangsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { duration: 1s } }", "{ retry: r }"), "a")
		answer := b.hold(t)
		time.Sleep(24 * time.Hour)
		require.NoError(t, answer(200))
		require.Len(t, b.starts, 1)
		require.Equal(t, 24*time.Hour, time.Since(b.began))
	})
}

// hang is an attempt that is answered only by its own end.
func hang(ctx context.Context, _ int) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestABareTimeoutIsInMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("timeouts: { t: 1500 }", "{ timeout: t }"), "a")
		_, err := b.engine.Do(t.Context(), b.target, "orders", false, hang)
		require.ErrorIs(t, err, ErrTimedOut)
		require.Equal(t, 1500*time.Millisecond, time.Since(b.began))
		require.Equal(t, []string{"1.5s timed out"}, b.lines)
	})
}

// Retry( breaker( timeout )): each attempt has the whole timeout, and each timeout is a failure of the breaker.
func TestATimeoutIsAFailureOfTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("timeouts: { t: 2s }\nretries: { r: { duration: 1s } }\ncircuitBreakers: { b: { timeout: 1s, trip: consecutiveFailures >= 2 } }",
			"{ timeout: t, retry: r, circuitBreaker: b }"), "a")
		status, err := b.engine.Do(t.Context(), b.target, "orders", false, func(ctx context.Context, n int) (int, error) {
			if n == 4 {
				return 200, nil
			}
			return hang(ctx, n)
		})
		require.NoError(t, err)
		require.Equal(t, 200, status)
		require.Equal(t, []string{
			"2s timed out", "2s retrying endpoint[a, a:orders] in 1s",
			"5s a:orders: closed to open",
			"6s a:orders: open to half-open", "8s a:orders: half-open to open",
			"9s a:orders: open to half-open", "9s a:orders: half-open to closed", "9s recovered after 4",
		}, b.lines)
	})
}

func TestACallerThatHangsUpIsAFailureOfTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("circuitBreakers: { b: { trip: consecutiveFailures >= 1 } }", "{ circuitBreaker: b }"), "a")
		ctx, hangUp := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, hangUp)
		_, err := b.engine.Do(ctx, b.target, "orders", false, hang)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, []string{"1s closed to open"}, b.changes())
	})
}
