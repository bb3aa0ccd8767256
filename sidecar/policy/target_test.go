package policy

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

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
