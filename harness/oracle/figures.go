package oracle

import (
	"cmp"
	"time"
)

// figures are the numbers of a run that people compare.
func figures(r *Reading) Figures {
	var f Figures
	sent, received := map[string]bool{}, map[string]bool{}
	var firstFailure *time.Duration
	for _, o := range r.Operations {
		if !o.Probe() {
			sent[o.Caller+"/"+cmp.Or(o.ID, o.Op)] = true
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
		if id := cmp.Or(x.ID, x.Op); x.OK() && id != "" {
			received[id] = true
		}
	}
	f.OrdersSent, f.OrdersReceived = len(sent), len(received)
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
	if over, ok := r.allOver(); ok {
		for _, c := range r.Plan.Scenario.Callers() {
			if o := r.recovered(c.Name, over.At); o != nil {
				took := o.Complete.At - over.At
				if f.Recovery == nil || took > *f.Recovery {
					f.Recovery = &took
				}
			}
		}
	}
	f.GapError, f.OpenError = spreads(r)
	return f
}

func pointer[T any](v T) *T { return &v }

// held is how long the load was held back for runs that went on at once.
func (r *Reading) held() time.Duration {
	if r.up == 0 || !r.Loaded {
		return 0
	}
	return max(0, r.Began-r.up)
}
