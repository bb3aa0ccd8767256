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
