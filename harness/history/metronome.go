package history

import (
	"context"
	"strconv"
	"time"
)

// Period is how often a metronome asks to be woken. It is short enough that a machine which is late for a
// sidecar's timer is seen to be late here too.
const Period = 20 * time.Millisecond

// Metronome notes how late the machine wakes a sleeper, until ctx ends: once a second an event of [KindTick]
// with the worst lateness of that second. It is what upper bounds of a run are widened by.
func Metronome(ctx context.Context, source string, record func(Event)) {
	ticker := time.NewTimer(Period)
	defer ticker.Stop()
	var worst time.Duration
	due := time.Now().Add(Period)
	reported := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		worst = max(worst, now.Sub(due))
		if now.Sub(reported) >= time.Second {
			record(Event{Source: source, Kind: KindTick, Attrs: map[string]string{
				"late_ns":   strconv.FormatInt(int64(worst), 10),
				"period_ns": strconv.FormatInt(int64(now.Sub(reported)), 10),
			}})
			worst, reported = 0, now
		}
		due = time.Now().Add(Period)
		ticker.Reset(Period)
	}
}
