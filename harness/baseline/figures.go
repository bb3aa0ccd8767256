package baseline

import (
	"math"
	"time"
)

// A figure is a number of runs that is compared. More is worse for each of them.
type figure struct {
	name string
	unit string // s for seconds
	of   func(Sample) float64
	// floor is a difference too small to mean anything, beside the relative margin.
	floor      float64
	sinceReady bool // it begins when the target is ready: the sooner that is, the longer it takes to the next attempt
	outage     bool // it grows with the outage as its callers see it
}

// Figures by name.
const (
	Recovery       = "recovery"
	TimeToTrip     = "time to trip"
	Amplification  = "amplification"
	Refused        = "refused orders"
	Latency        = "latency"
	LongestLatency = "longest latency"
)

// never is the value of what did not happen at all: a breaker that never opened, a caller that never recovered.
var never = math.Inf(1)

func figures() []figure {
	return []figure{
		{name: Recovery, unit: "s", of: func(s Sample) float64 { return seconds(s.Figures.Recovery) }, sinceReady: true, outage: true},
		{name: TimeToTrip, unit: "s", of: func(s Sample) float64 { return seconds(s.Figures.TimeToTrip) }},
		{name: Amplification, of: func(s Sample) float64 { return s.Figures.Amplification() }, floor: 0.1, outage: true},
		{name: Refused, of: func(s Sample) float64 { return float64(s.Figures.Refused) }, floor: 1, outage: true},
		{name: Latency, unit: "s", of: func(s Sample) float64 { return seconds(s.Figures.Latency) }},
		{name: LongestLatency, unit: "s", of: func(s Sample) float64 { return seconds(s.Figures.LongestLatency) }, outage: true},
	}
}

func seconds(d *time.Duration) float64 {
	if d == nil {
		return never
	}
	return d.Seconds()
}

// Margin is the relative change below which nobody cares.
const Margin = 0.15

// slack is by how much a sample's figure may be off, in its unit.
func (f figure) slack(s Sample) float64 {
	if f.unit != "s" {
		return 0
	}
	return s.Slack.Drift().Seconds()
}

// worse tells whether a run is worse than an accepted one by more than the margin, and by more than what both measured
// their machines to be late most of the time. What only hangs on when the target was ready is not the spec's doing, and excused.
func (f figure) worse(accepted, now Sample) bool {
	before, after := f.of(accepted), f.of(now)
	if f.sinceReady {
		after -= max(0, delay(accepted)-delay(now)).Seconds()
	}
	if math.IsInf(before, 1) {
		return false
	}
	return after > before+max(before*Margin+f.floor, f.slack(accepted)+f.slack(now)) && (!f.outage || !excused(accepted, now))
}

// excused tells whether a run had to wait for one more attempt only by a hair: its target was ready later than the
// accepted run's by more than its last attempt in vain missed, or what missed, missed by less than the run was late.
func excused(accepted, now Sample) bool {
	slack := now.Slack.Drift()
	if m := now.Figures.MissedReady; m != nil && *m < slack+max(0, delay(now)-delay(accepted)) {
		return true
	}
	m := now.Figures.MissedHalfOpen
	return m != nil && *m < slack
}

// delay is how long the target took to be ready once healing began.
func delay(s Sample) time.Duration {
	if s.Figures.Readiness == nil {
		return 0
	}
	return *s.Figures.Readiness
}
