package heap_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/heap"
)

func TestWhatIsHeldAtOnceCountsAndNotWhatIsLetGo(t *testing.T) {
	const megabyte = 1 << 20
	hold := func(n int) func() {
		return func() {
			var kept [][]byte // it holds nothing once it has returned: it may be run again
			for range n {
				kept = append(kept, make([]byte, megabyte))
			}
			runtime.KeepAlive(kept)
		}
	}
	require.InDelta(t, 3*megabyte, heap.Most(hold(3)), megabyte)
	held := heap.Most(hold(150))
	require.Greater(t, held, uint64(heap.Limit))
	require.Less(t, held, uint64(2*heap.Limit))
	passing := heap.Most(func() {
		for i := range 400 {
			kept := make([]byte, megabyte)
			kept[0] = 1
			runtime.KeepAlive(kept)
			if i%10 == 0 {
				runtime.GC()
			}
		}
	})
	require.Less(t, passing, uint64(heap.Limit), "400 MB in all, and ten at once")
	require.Positive(t, passing)
}
