package oracle

import (
	"cmp"
	"slices"
	"time"
)

// figures are the numbers of a run that people compare.
func figures(r *Reading) Figures {
	var f Figures
	sent, received := make([]bool, r.sendings), make([]bool, r.named)
	var firstFailure *time.Duration
	for _, o := range r.Operations {
		if !o.Probe() && !sent[o.bears] {
			sent[o.bears] = true
			f.OrdersSent++
		}
		if o.Accepted() && !o.Probe() {
			f.OrdersAccepted++
			if f.FirstAccepted == nil {
				f.FirstAccepted = pointer(o.Complete.At - r.held())
			}
		}
		if o.refused() {
			f.Refused++
		}
		f.Attempts += len(o.Attempts)
		f.Retries += max(0, len(o.Attempts)-1)
		for _, x := range o.Attempts {
			if x.Hidden() {
				f.Uncrossed++
			}
			if end, ended := x.End(); ended && !x.OK() && (firstFailure == nil || end < *firstFailure) {
				firstFailure = pointer(end)
			}
		}
	}
	for _, x := range r.Deliveries {
		if id := cmp.Or(x.id, x.trace); id != 0 && !received[id] && x.delivered() {
			received[id] = true
			f.OrdersReceived++
		}
	}
	for _, s := range r.Said {
		if s.Kind == saidChanged {
			f.Transitions++
		}
	}
	var opened *time.Duration
	for _, b := range r.Breakers {
		for _, t := range b.Transitions {
			if t.From == closed && (opened == nil || t.At < *opened) {
				opened = pointer(t.At)
			}
		}
	}
	if opened != nil && firstFailure != nil {
		f.TimeToTrip = pointer(max(0, *opened-*firstFailure))
	}
	f.recovery(r)
	f.latency(r)
	f.GapError, f.OpenError = spreads(r)
	return f
}

// recovery is that of the caller that took longest.
func (f *Figures) recovery(r *Reading) {
	over, ok := r.allOver()
	if !ok {
		return
	}
	for _, fault := range r.Faults {
		if at, _ := r.Over(fault); at.At == over.At && fault.Healing != nil {
			f.Readiness = pointer(over.At - fault.Healing.At)
		}
	}
	for _, c := range r.Plan.Scenario.Callers() {
		o := r.recovered(c.Name, over.At)
		if o == nil || f.Recovery != nil && o.Complete.At-over.At <= *f.Recovery {
			continue
		}
		f.Recovery, f.Redial = pointer(o.Complete.At-over.At), nil
		if d := r.redialled(c, over.At, o.Complete.At, o); d.why == "" {
			f.Redial = pointer(d.at - over.At)
		}
		f.MissedReady, f.MissedHalfOpen = r.missed(c.Name, over.At, o)
	}
}

// missed is by how much a caller's last questions before it recovered came too early: its last attempt that failed
// for the target, its last refused operation for the breaker. Nil where nothing was in vain.
func (r *Reading) missed(caller string, over time.Duration, recovered *Operation) (ready, halfOpen *time.Duration) {
	var attempt, asked time.Duration
	for _, o := range r.Operations {
		if o.Caller != caller || o.Probe() {
			continue
		}
		for _, x := range o.Attempts {
			if x.Failed() && x.Start() <= over && x.Start() >= attempt {
				attempt, ready = x.Start(), pointer(over-x.Start())
			}
		}
		if !o.refused() || o.breaker == nil || o.Start() >= recovered.Start() || o.Start() < asked {
			continue
		}
		if state, since := o.breaker.at(o.Start()); state == open {
			asked, halfOpen = o.Start(), pointer(max(0, since+o.breaker.Policy.Timeout-o.Start()))
		}
	}
	return ready, halfOpen
}

// latency is that of orders, over all the operations by which their callers asked for them.
func (f *Figures) latency(r *Reading) {
	first, took := make([]*Operation, r.sendings), make([]time.Duration, 0, f.OrdersAccepted)
	for _, o := range r.Operations {
		if first[o.bears] == nil {
			first[o.bears] = o
		}
		if o.Accepted() && !o.Probe() {
			took = append(took, o.end-first[o.bears].Start())
		}
	}
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	f.Latency, f.LongestLatency = pointer(took[(len(took)-1)/2]), pointer(took[len(took)-1])
}

func pointer[T any](v T) *T { return &v }

// held is how long the load was held back for runs that went on at once.
func (r *Reading) held() time.Duration {
	if r.up == 0 || !r.Loaded {
		return 0
	}
	return max(0, r.Began-r.up)
}
