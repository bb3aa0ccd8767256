package policy

import (
	"context"
	"testing"
	"testing/synctest"

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
