package policy

import (
	"context"
	"errors"
	"sync"
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

// breaking is a target with a breaker and nothing else.
func breaking(t *testing.T, breaker string) *bench {
	return newBench(t, with("circuitBreakers: { b: { "+breaker+" } }", "{ circuitBreaker: b }"), "a")
}

func TestABreakersDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaking(t, "")
		for range 6 { // trip: consecutiveFailures > 5
			require.NoError(t, b.say(t, 500))
			time.Sleep(time.Hour) // interval: none
		}
		require.Equal(t, []string{"5h0m0s closed to open"}, b.changes())
		b = breaking(t, "")
		for range 6 {
			require.NoError(t, b.say(t, 500))
		}
		time.Sleep(time.Minute - 1) // timeout: 60s
		require.ErrorIs(t, b.say(t, 200), ErrOpen)
		time.Sleep(time.Nanosecond)
		answer := b.hold(t)
		require.ErrorIs(t, b.say(t, 200), ErrTooMany, "maxRequests: 1")
		require.NoError(t, answer(200))
		require.Equal(t, []string{"0s closed to open", "1m0s open to half-open", "1m0s half-open to closed"}, b.changes())
	})
}

// After which request a trip opens the breaker; 0 for none. Requests are s for success and f for failure.
func TestTrips(t *testing.T) {
	for trip, c := range map[string]struct {
		requests string
		opens    int
	}{
		"consecutiveFailures >= 3":                                  {"ffsfff", 6},
		"totalFailures >= 3":                                        {"fsfsfs", 5},
		"requests >= 3":                                             {"fssssf", 6}, // only a failure asks
		"totalSuccesses > 1 && totalFailures > 0":                   {"fsssf", 5},
		"consecutiveSuccesses > 0":                                  {"sssfsf", 0}, // a failure has set it to 0
		"requests >= 4 && totalFailures * 100 / requests >= 50":     {"fsff", 4},
		"consecutiveFailures >= 2 || unknown > 1":                   {"fff", 2}, // the unknown isn't needed
		"unknown > 1 || consecutiveFailures >= 2":                   {"fff", 2},
		"unknown > 1":                                               {"ffffff", 0},
		"consecutiveFailures >= 2 && unknown > 1":                   {"ffffff", 0},
		"consecutiveFailures / (totalFailures - totalFailures) > 0": {"ffffff", 0},
	} {
		t.Run(trip, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, opened := breaking(t, "trip: '"+trip+"'"), 0
				for i, r := range c.requests {
					if b.say(t, map[rune]int{'s': 200, 'f': 500}[r]) == nil && opened == 0 && len(b.changes()) > 0 {
						opened = i + 1
					}
				}
				require.Equal(t, c.opens, opened)
			})
		})
	}
}

func TestHalfOpenBeginsWithARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaking(t, "timeout: 5s, trip: consecutiveFailures >= 1")
		b.say(t, 500)
		time.Sleep(time.Hour)
		require.Equal(t, []string{"0s closed to open"}, b.changes())
		b.say(t, 500)
		require.Equal(t, []string{"0s closed to open", "1h0m0s open to half-open", "1h0m0s half-open to open"}, b.changes())
		require.ErrorIs(t, b.say(t, 200), ErrOpen, "one failure reopens")
	})
}

func TestAHungProbeKeepsTheBreakerHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { duration: 5s } }\ncircuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 1 } }", "{ retry: r, circuitBreaker: b }"), "a")
		ctx, hangUp := context.WithCancel(t.Context())
		hangUp()
		b.do(ctx, always(500, nil)) // one attempt: it opens
		time.Sleep(5 * time.Second)
		answer := b.hold(t)
		for range 100 {
			began := time.Now()
			require.ErrorIs(t, b.say(t, 200), ErrTooMany)
			require.Zero(t, time.Since(began), "no retry, though there is no limit")
			time.Sleep(time.Minute)
		}
		require.NoError(t, answer(200))
		require.NoError(t, b.say(t, 200))
		require.Equal(t, []string{"0s closed to open", "5s open to half-open", "1h40m5s half-open to closed"}, b.changes())
	})
}

func TestOneOfSeveralCallersIsTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { r: { duration: 5s } }\ncircuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 5 } }", "{ retry: r, circuitBreaker: b }"), "a")
		refused, passed := 0, 0
		var callers sync.WaitGroup
		for i := range 4 {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				_, err := b.do(t.Context(), func(n int) (int, error) {
					if n < 3 {
						return 0, errDown
					}
					return 200, nil
				})
				b.mu.Lock()
				defer b.mu.Unlock()
				if errors.Is(err, ErrOpen) {
					refused++
				} else if err == nil {
					passed++
				}
			})
		}
		callers.Wait()
		require.Equal(t, 3, refused, "the first one's retry is the fifth failure, and ends the others'")
		require.Equal(t, 1, passed)
		require.Equal(t, []string{"5s closed to open", "10s open to half-open", "10s half-open to closed"}, b.changes())
	})
}

// A result counts only in the state, and in the window, in which its request began.
func TestResultsOfAnEarlierStateAreDiscarded(t *testing.T) {
	spec := "maxRequests: 2, timeout: 5s, trip: consecutiveFailures >= 2"
	opened := func(t *testing.T) *bench {
		b := breaking(t, spec)
		b.say(t, 500)
		b.say(t, 500)
		time.Sleep(5 * time.Second)
		return b
	}
	t.Run("a_success_begun_closed_does_not_close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := breaking(t, spec)
			early := b.hold(t)
			b.say(t, 500)
			b.say(t, 500)
			time.Sleep(5 * time.Second)
			require.NoError(t, b.say(t, 200))
			require.NoError(t, early(200))
			require.Equal(t, []string{"0s closed to open", "5s open to half-open"}, b.changes())
			require.NoError(t, b.say(t, 200))
			require.Len(t, b.changes(), 3)
		})
	})
	t.Run("a_failure_begun_closed_does_not_reopen", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := breaking(t, spec)
			early := b.hold(t)
			b.say(t, 500)
			b.say(t, 500)
			time.Sleep(5 * time.Second)
			require.NoError(t, b.say(t, 200))
			require.NoError(t, early(500))
			require.NoError(t, b.say(t, 200))
			require.Equal(t, []string{"0s closed to open", "5s open to half-open", "5s half-open to closed"}, b.changes())
		})
	})
	t.Run("a_success_of_an_earlier_half_open_does_not_close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := opened(t)
			early := b.hold(t)
			b.say(t, 500)
			time.Sleep(5 * time.Second)
			require.NoError(t, b.say(t, 200))
			require.NoError(t, early(200))
			require.Equal(t, []string{"0s closed to open", "5s open to half-open", "5s half-open to open", "10s open to half-open"}, b.changes())
		})
	})
	t.Run("a_failure_of_an_earlier_half_open_does_not_count_closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := opened(t)
			early := b.hold(t)
			b.say(t, 500)
			time.Sleep(5 * time.Second)
			b.say(t, 200)
			b.say(t, 200)
			require.NoError(t, b.say(t, 500))
			require.NoError(t, early(500))
			require.Equal(t, "10s half-open to closed", b.changes()[len(b.changes())-1])
			b.say(t, 500)
			require.Equal(t, "10s closed to open", b.changes()[len(b.changes())-1])
		})
	})
}
