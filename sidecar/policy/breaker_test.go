package policy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

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

func TestAnUnknownVariableLoadsAndIsFalse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("circuitBreakers: { b: { trip: consecutivefailures >= 1 } }", "{ circuitBreaker: b }"), "a")
		for range 10 {
			b.do(t.Context(), always(500, nil))
		}
		require.Empty(t, b.lines)
	})
}
