package harness

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNoRunOfAStageLoadsWhileAnotherIsBroughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Stage
		began := time.Now()
		slow, fast := s.enter(), s.enter()
		time.AfterFunc(3*time.Second, func() { slow() })
		require.NoError(t, await(t.Context(), fast()))
		require.Equal(t, 3*time.Second, time.Since(began))
		require.NoError(t, await(t.Context(), slow()), "told twice, it counts once")

		again := s.enter()
		require.NoError(t, await(t.Context(), again()), "one that comes later waits for those that come with it only")
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestARunThatIsAloneWaitsForNobody(t *testing.T) {
	var none *Stage
	require.NoError(t, await(t.Context(), none.enter()()))
}
