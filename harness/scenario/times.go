package scenario

import (
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

const (
	// leeway is added to each limit: a run may be slow for reasons that are not what it is about.
	leeway = 30 * time.Second
	// readiness is how long a stopped service may take to be ready again.
	readiness = time.Second
)

// times says how long the run should take from the first order on, and when each wait gives up. A wait gives up
// late: at half as long again as it should take and half a minute, so that a promise broken by seconds is judged
// on what was recorded, not on a wait that was cut short.
func times(s Scenario, spec *resiliency.Spec) (expected time.Duration, limits []time.Duration) {
	limits = make([]time.Duration, len(s.Timeline))
	var now, healed time.Duration // since the first order; when the last fault should be healed
	var injected time.Duration
	for i, step := range s.Timeline {
		var takes time.Duration
		switch w := step.Wait; {
		case step.Fault != nil:
			injected = now
			healed = max(healed, now+step.Fault.For)
		case step.Send != nil, w == nil:
		case w.For > 0:
			takes = w.For
		case w.Orders > 0:
			takes = time.Duration(w.Orders) * s.pace()
		case w.Recovered != "":
			takes = max(0, healed-now) + readiness + s.bound(spec, w.Recovered)/2
			limits[i] = max(0, healed-now) + readiness + s.bound(spec, w.Recovered)
		case w.Opened != "":
			takes = max(0, injected+s.trips(spec, w.Opened)-now)
		}
		now += takes
		if w := step.Wait; w != nil && w.For == 0 {
			limits[i] = max(limits[i], takes)*3/2 + leeway
			if w.Within > 0 {
				limits[i] = w.Within
			}
		}
	}
	return max(now, healed), limits
}

// pace is how often an order is accepted in the steady state, over all callers.
func (s *Scenario) pace() time.Duration {
	var perSecond float64
	for _, c := range s.Callers() {
		perSecond += float64(c.Sends.Callers) / max(c.Sends.Every, time.Millisecond).Seconds()
	}
	if perSecond == 0 {
		return time.Second
	}
	return time.Duration(float64(time.Second) / perSecond)
}

// bound is the spec's for a caller's recovery.
func (s *Scenario) bound(spec *resiliency.Spec, caller string) time.Duration {
	c := s.Service(caller)
	if c == nil || c.Sends == nil {
		return 0
	}
	bound, _ := spec.For(caller, c.Sends.To).RecoveryBound(c.Sends.Every, c.Sends.Timeout)
	return bound
}

// trips is about when a caller's breaker opens after a fault: as many failures as make its trip true, each a
// retry gap (or, without retries, an order) after the one before.
func (s *Scenario) trips(spec *resiliency.Spec, caller string) time.Duration {
	c := s.Service(caller)
	if c == nil || c.Sends == nil {
		return 0
	}
	p := spec.For(caller, c.Sends.To)
	if p.Breaker == nil {
		return 0
	}
	trip, err := resiliency.CompileTrip(p.Breaker.Trip)
	if err != nil {
		return 0
	}
	const most = 1000
	var counts resiliency.Counts
	var total time.Duration
	for n := 1; n < most; n++ {
		counts.Failure()
		if trip.Eval(counts) {
			return total + c.Sends.Every
		}
		gap := c.Sends.Every
		if p.Retry != nil {
			_, gap = p.Retry.Gap(n)
		}
		total += gap
	}
	return 0
}
