package policy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A window begins with the first request after the end of the one before, not at multiples of the interval.
func TestWindowsAreRenewedLazily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaking(t, "interval: 4s, trip: totalFailures >= 3")
		for _, at := range []time.Duration{0, 10 * time.Second, 13 * time.Second, 13900 * time.Millisecond} {
			time.Sleep(at - time.Since(b.began))
			require.NoError(t, b.say(t, 500))
		}
		require.Equal(t, []string{"13.9s closed to open"}, b.changes(), "10 s to 14 s is one window, 12 s to 16 s would not be")
	})
}

func TestAWindowEndsAfterItsLastMoment(t *testing.T) {
	for _, c := range []struct {
		at    time.Duration
		opens bool
	}{{4 * time.Second, true}, {4*time.Second + 1, false}} {
		synctest.Test(t, func(t *testing.T) {
			b := breaking(t, "interval: 4s, trip: totalFailures >= 2")
			require.NoError(t, b.say(t, 500))
			time.Sleep(c.at)
			require.NoError(t, b.say(t, 500))
			require.Equal(t, c.opens, len(b.changes()) == 1, "%s", c.at)
		})
	}
}

func TestAResultOfAnEarlierWindowIsDiscarded(t *testing.T) {
	for _, c := range []struct {
		name         string
		early, after int // the status of the early request, and of those after its answer
		trip         string
	}{
		{"a_failure", 500, 500, "totalFailures >= 3"},
		{"a_success", 200, 500, "consecutiveFailures >= 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := breaking(t, "interval: 4s, trip: "+c.trip)
				early := b.hold(t)
				time.Sleep(5 * time.Second)
				require.NoError(t, b.say(t, 500))
				require.NoError(t, early(c.early))
				require.NoError(t, b.say(t, c.after))
				if c.early == 500 {
					require.Empty(t, b.changes(), "two failures in this window")
					require.NoError(t, b.say(t, 500))
				}
				require.Equal(t, []string{"5s closed to open"}, b.changes(), "a success of the window before would have broken the row")
			})
		})
	}
}

func TestWithoutAnIntervalNothingIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaking(t, "trip: totalFailures > 3")
		for range 4 {
			require.NoError(t, b.say(t, 200))
			require.NoError(t, b.say(t, 500))
			time.Sleep(24 * time.Hour)
		}
		require.Equal(t, []string{"72h0m0s closed to open"}, b.changes())
	})
}

// The interval is of the closed state: a half-open one keeps its count of requests.
func TestAWindowDoesNotRenewHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaking(t, "maxRequests: 2, interval: 1s, timeout: 5s, trip: consecutiveFailures >= 1")
		b.say(t, 500)
		time.Sleep(5 * time.Second)
		require.NoError(t, b.say(t, 200))
		time.Sleep(time.Minute)
		require.NoError(t, b.say(t, 200))
		require.Equal(t, []string{"0s closed to open", "5s open to half-open", "1m5s half-open to closed"}, b.changes())
	})
}
