package oracle_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/heap"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Anything at all as a spec and as numbers of the home story: a forecast within 100 MB, and never a panic.
func FuzzForesee(f *testing.F) {
	const spec = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: x }
spec:
  policies:
    timeouts: { t: 5s }
    retries: { r: { duration: 5s, maxRetries: -1 } }
    circuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 5 } }
  targets: { apps: { b: { timeout: t, retry: r, circuitBreaker: b } } }
`
	f.Add(spec, 1, int64(time.Minute), int64(time.Second), int64(0), int64(0))
	f.Add(strings.ReplaceAll(spec, "5s", "1ns"), 16, int64(1), int64(1), int64(1), int64(0))
	f.Add(strings.ReplaceAll(spec, "5s", "2562047h"), 2, int64(1<<62), int64(1<<62), int64(0), int64(0))
	f.Add(strings.Replace(spec, "duration: 5s", "duration: 0s, maxRetries: 2147483647", 1), 3, int64(time.Hour), int64(time.Millisecond), int64(time.Minute), int64(time.Second))
	f.Add(strings.Replace(spec, "duration: 5s", "policy: exponential, maxInterval: 1ns", 1), 16, int64(time.Hour), int64(time.Second), int64(0), int64(0))
	f.Add(strings.Replace(spec, "timeout: 5s, trip", "interval: 1ns, maxRequests: 2147483647, trip", 1), 16, int64(time.Hour), int64(time.Second), int64(0), int64(time.Second))
	f.Fuzz(func(t *testing.T, text string, callers int, outage, every, timeout, latency int64) {
		positive := func(n int64) time.Duration { return time.Duration(max(n&(1<<63-1), 1)) }
		limits := func(n int64) time.Duration { return time.Duration(n & (1<<63 - 1)) }
		fault := &scenario.Fault{Name: "stop-b", Kind: scenario.Stop, Service: "b", For: positive(outage)}
		if latency != 0 {
			fault = &scenario.Fault{Name: "latency", Kind: scenario.Latency, Link: "a->b", Delay: limits(latency), For: positive(outage)}
		}
		most := heap.Most(func() {
			parsed, _ := resiliency.Parse("x.yaml", []byte(text))
			f := oracle.ForeseeOutage(scenario.NewPlan(scenario.Scenario{
				Name: "forecast",
				Services: []scenario.Service{
					{Name: "b", App: "order-processor", Port: 6001},
					{Name: "a", App: "checkout", Sends: &scenario.Sends{
						To: "b", Method: "POST", Path: "orders", Every: positive(every), Callers: 1 + int(uint(callers)%16), Timeout: limits(timeout), Until: "accepted",
					}},
				},
				Timeline: []scenario.Step{{Fault: fault}, {Wait: &scenario.Wait{Recovered: "a"}}, {Wait: &scenario.Wait{Orders: 2}}},
			}, parsed), parsed)
			var b strings.Builder
			oracle.WriteForecast(&b, f)
			require.NotEmpty(t, b.String())
		})
		require.LessOrEqual(t, most, uint64(heap.Limit), "bytes of memory")
	})
}
