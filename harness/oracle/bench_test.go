package oracle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
)

// The time to judge grows as the history does: a million events take at most two seconds.
func BenchmarkJudge(b *testing.B) {
	for _, events := range []int{1e4, 1e5, 1e6} {
		for name, s := range map[string]setting{
			"steady":  {callers: 8, every: 40 * time.Millisecond, outage: 5 * time.Second},
			"failing": {callers: 8, every: 40 * time.Millisecond, outage: 5 * time.Second, retry: "duration: 500ms, maxRetries: 1"},
		} {
			const perOrder = 9
			if s.most = events / perOrder / s.callers; name == "failing" {
				s.outage, s.most = time.Duration(events/180)*time.Second, 5
			}
			c := made(b, s, "")
			b.Run(fmt.Sprintf("%s/%d", name, len(c.History.Events)), func(b *testing.B) {
				for b.Loop() {
					v := oracle.Judge(c)
					require.Equal(b, oracle.Pass, v.Outcome, "%v", v.Why)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(c.History.Events)), "ns/event")
			})
		}
	}
}
