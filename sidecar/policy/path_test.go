package policy

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

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

func TestPathsOfOneBreaker(t *testing.T) {
	for path, same := range map[string]bool{
		"orders": true, "/orders": true, "orders/": true, "//orders": true, "./orders": true, "x/../orders": true,
		"../orders": true, "%6Frders": true, "orders%2F": true, "orders/%2e": true,
		"Orders": false, "orders/1": false, "order": false, "": false, "orders%20": false, "orders%": false,
	} {
		synctest.Test(t, func(t *testing.T) {
			b := breaking(t, "trip: consecutiveFailures >= 1")
			require.NoError(t, b.say(t, 500))
			_, err := b.engine.Do(t.Context(), b.target, path, false, func(context.Context, int) (int, error) { return 200, nil })
			require.Equal(t, same, errors.Is(err, ErrOpen), "%q", path)
		})
	}
}

func TestAHundredPathsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaking(t, "trip: consecutiveFailures >= 1")
		try := func(path string, status int) error {
			_, err := b.engine.Do(t.Context(), b.target, path, false, func(context.Context, int) (int, error) { return status, nil })
			return err
		}
		others := func(n int) {
			for i := range n {
				require.NoError(t, try(fmt.Sprintf("other/%d", i), 200))
			}
		}
		require.NoError(t, try("orders", 500))
		others(99)
		require.ErrorIs(t, try("orders", 200), ErrOpen, "a hundred are kept")
		require.NoError(t, try("another", 200))
		require.ErrorIs(t, try("orders", 200), ErrOpen, "even a refusal is a use, so another path went")
		others(100)
		require.NoError(t, try("orders", 200), "a hundred others since its last use have driven it out")
	})
}

func TestAppsShareNoBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := load(t, "kind: Resiliency\nspec: { policies: { circuitBreakers: { b: { trip: consecutiveFailures >= 1 } } }, "+
			"targets: { apps: { a: { circuitBreaker: b }, another: { circuitBreaker: b } } } }")
		b := &bench{log: &log{began: time.Now()}, target: p.For("a")}
		b.engine = NewEngine(b, nil)
		require.NoError(t, b.say(t, 500))
		require.ErrorIs(t, b.say(t, 200), ErrOpen)
		b.target = p.For("another")
		require.NoError(t, b.say(t, 200))
		b.engine, b.target = NewEngine(b, nil), p.For("a")
		require.NoError(t, b.say(t, 200), "a restart forgets")
	})
}
