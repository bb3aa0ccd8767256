package oracle_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

// What judging a million events may take. Time is that of the processors, so that a busy machine does not count.
const (
	mostTime      = 2 * time.Second
	mostHeapBytes = 1 << 30 // the history among it
	mostGrowth    = 3       // of the time an event from a size to one ten times as large: linear, but for caches and the collector
)

// The time to judge grows as the history does: `make bench-oracle`.
func BenchmarkJudge(b *testing.B) {
	for _, kind := range []string{"steady", "failing"} {
		before := 0.0 // ns an event
		for _, events := range []int{1e4, 1e5, 1e6} {
			c := sized(b, kind, events)
			n := len(c.History.Events)
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				b.ReportAllocs()
				history, peak := watchHeap()
				// The collector would let the heap grow to twice what lives, most of it the history.
				defer debug.SetMemoryLimit(debug.SetMemoryLimit(mostHeapBytes))
				began := processors()
				for b.Loop() {
					v := oracle.Judge(c)
					require.Equal(b, oracle.Pass, v.Outcome, "%v", v.Why)
				}
				took := (processors() - began) / time.Duration(b.N)
				heap := peak()
				each := float64(took) / float64(n)
				b.ReportMetric(each, "cpu-ns/event")
				b.ReportMetric(took.Seconds(), "cpu-s/op")
				b.ReportMetric(float64(history)/(1<<20), "history-MB")
				b.ReportMetric(float64(heap)/(1<<20), "peak-MB")
				if before > 0 {
					require.Less(b, each, mostGrowth*before, "the time an event grows with the history")
				}
				if before = each; events == 1e6 {
					require.LessOrEqual(b, took, mostTime)
					require.LessOrEqual(b, heap, uint64(mostHeapBytes))
				}
			})
		}
	}
}

// Reading a history is reported apart from judging it.
func BenchmarkRead(b *testing.B) {
	for _, events := range []int{1e4, 1e5, 1e6} {
		var text bytes.Buffer
		lines := json.NewEncoder(&text)
		c := sized(b, "steady", events)
		require.NoError(b, lines.Encode(c.History.Header))
		for _, e := range c.History.Events {
			require.NoError(b, lines.Encode(e))
		}
		b.Run(fmt.Sprint(len(c.History.Events)), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				h, err := history.Read(bytes.NewReader(text.Bytes()))
				require.NoError(b, err)
				require.Len(b, h.Events, len(c.History.Events))
			}
		})
	}
}

// sized is a made run of about so many events.
func sized(b *testing.B, kind string, events int) oracle.Case {
	const perOrder = 9
	s := setting{callers: 8, every: 40 * time.Millisecond, outage: 5 * time.Second}
	if s.most = events / perOrder / s.callers; kind == "failing" {
		s.retry, s.outage, s.most = "duration: 500ms, maxRetries: 1", time.Duration(events/120)*time.Second, 5
	}
	return made(b, s, "")
}

// processors is the time that this process has had of them.
func processors() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watchHeap looks at the heap until it is asked for the most that it saw, and tells what was in it before, in bytes. It
// reads what the runtime counts anyhow: runtime.ReadMemStats would stop the world each time.
func watchHeap() (before uint64, peak func() uint64) {
	debug.FreeOSMemory()
	const often = 5 * time.Millisecond
	before = heapInUse()
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		ticker := time.NewTicker(often)
		defer ticker.Stop()
		most := before
		for {
			most = max(most, heapInUse())
			select {
			case <-stop:
				done <- most
				return
			case <-ticker.C:
			}
		}
	}()
	return before, func() uint64 {
		close(stop)
		return <-done
	}
}

// heapInUse is what runtime.MemStats calls HeapInuse.
func heapInUse() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() + s[1].Value.Uint64()
}
