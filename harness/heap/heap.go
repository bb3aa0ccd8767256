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
// all is an upper bound, and is given where it is within Limit: that costs next to nothing. Else the function is run
// once more and watched, garbage that nobody has collected yet included. It counts what other goroutines do meanwhile.
func Most(f func()) uint64 {
	before := read(allocated)
	f()
	if all := read(allocated) - before; all <= Limit {
		return all
	}
	return watch(f)
}

// watch looks at the heap every so often while a function runs.
func watch(f func()) uint64 {
	const often = 500 * time.Microsecond
	runtime.GC()
	before := read(onHeap)
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
	if most := <-peak; most > before {
		return most - before
	}
	return 0
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
