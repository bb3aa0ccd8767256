package env

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// sentMetric counts every attempt of daprd, whether it crosses the network or not. Only so are those seen that fail
// within daprd, between two dials of its own.
const sentMetric = "dapr_runtime_service_invocation_req_sent_total"

// countPause lies between two readings. It is how exactly an attempt's time is known that no tap has seen.
const countPause = 50 * time.Millisecond

// count reads a sidecar's counter of attempts again and again until ctx ends, and records each change: that it
// happened after the reading before (after_ns), and not after this one.
func (c *cluster) count(ctx context.Context, service string) {
	rec := c.cfg.Record
	seen := map[string]float64{}
	after := rec.Now()
	for ctx.Err() == nil {
		asked := rec.Now()
		figures, err := c.figures(ctx, service, sentMetric)
		sent := map[string]float64{} // by target: the series of streamed calls and that of the others
		for _, f := range figures {
			sent[f.Labels["dst_app_id"]] += f.Value
		}
		for _, target := range slices.Sorted(maps.Keys(sent)) {
			if before, told := seen[target]; told && before == sent[target] {
				continue
			}
			seen[target] = sent[target]
			rec.Record(history.Event{
				Source: history.Runner, Kind: history.KindCount, Service: service, Part: history.Sidecar,
				ID: sentMetric, Text: number(sent[target]),
				Attrs: map[string]string{"dst_app_id": target, "after_ns": strconv.FormatInt(int64(after), 10)},
			})
		}
		if err == nil {
			after = asked
		}
		select {
		case <-ctx.Done():
		case <-time.After(countPause):
		}
	}
}
