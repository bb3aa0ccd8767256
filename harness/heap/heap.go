// Package heap says how much memory a piece of code needs, for tests of what takes any input at all.
package heap

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// Limit is what one input may take, in bytes: whatever it is, it is answered within that.
const Limit = 100 << 20

// Most is what a function takes of the heap, in bytes, at most and beyond what was there before. What it allocates in
// all is an upper bound, and so is all that lies on the heap meanwhile, garbage that nobody has collected yet included;
// the smaller one is given where it is within Limit. Else the heap is cleared, and the function is run once more. It
// counts what other goroutines do meanwhile.
func Most(f func()) uint64 {
	before := read(allocated)
	peak := watch(f)
	if most := min(peak, read(allocated)-before); most <= Limit {
		return most
	}
	runtime.GC()
	there := read(onHeap)
	peak = watch(f)
	return peak - min(peak, there)
}

// watch looks at the heap every so often while a function runs, and gives the most that lay there.
func watch(f func()) uint64 {
	const often = time.Millisecond
	done := make(chan struct{})
	peak := make(chan uint64)
	go func() {
		tick := time.NewTicker(often)
		defer tick.Stop()
		var most uint64
		for {
			most = max(most, read(onHeap))
			select {
			case <-tick.C:
			case <-done:
				peak <- max(most, read(onHeap))
				return
			}
		}
	}()
	f()
	close(done)
	return <-peak
}

// Names of the runtime's own figures, in bytes.
const (
	allocated = "/gc/heap/allocs:bytes"
	onHeap    = "/memory/classes/heap/objects:bytes"
)

func read(name string) uint64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
