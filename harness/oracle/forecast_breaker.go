package oracle

import "github.com/halfopen/halfopen/harness/resiliency"

// A fuse is a breaker as the forecast plays it: as gobreaker does, but that at exactly opened + timeout it counts as
// half-open (DESIGN.md, The tie).
type fuse struct {
	name       string
	caller     string
	policy     resiliency.Breaker
	trip       *trip
	state      string
	counts     resiliency.Counts
	used       int    // when it was asked last; 0 for never
	since      moment // of the state, or of the window in the closed state; of its first use to begin with
	generation int    // results of an earlier one are discarded
}

func (p *play) newFuse(caller, name string, policy resiliency.Breaker) *fuse {
	if p.trips == nil {
		p.trips = trips{}
	}
	trip := p.trips.of(policy.Trip)
	if trip == nil {
		return nil // a spec with it does not load
	}
	return &fuse{name: name, caller: caller, policy: policy, trip: trip, state: closed}
}

// look brings the state up to a moment: windows are renewed, and half-open begins, when somebody looks.
func (f *fuse) look(p *play, now moment) {
	switch {
	case f.state == closed && f.policy.Interval > 0:
		if p.reached(f.since.after(f.policy.Interval+1), now) { // at exactly its end a window still counts
			f.enter(p, closed, now)
		}
	case f.state == open:
		if p.reached(f.since.after(f.policy.Timeout), now) {
			f.enter(p, halfOpen, now)
		}
	}
}

func (f *fuse) enter(p *play, state string, now moment) {
	if state != f.state {
		p.tell(foreseen{at: now, kind: "breaker", caller: f.caller, order: f.name, what: f.state + " to " + state, n: int(f.counts.TotalFailures)})
		if f.state == closed {
			p.opened(f.caller, now)
		}
	}
	f.state, f.since, f.counts = state, now, resiliency.Counts{}
	f.generation++
}

// admit lets an attempt through, or says why not.
func (f *fuse) admit(p *play, now moment) (generation int, refusal string) {
	if f.used == 0 {
		f.since = now
	}
	p.uses++
	f.used = p.uses
	f.look(p, now)
	switch {
	case f.state == open:
		return 0, refusedOpen
	case f.state == halfOpen && f.counts.Requests >= int64(f.policy.MaxRequests):
		return 0, refusedCrowd
	}
	f.counts.Requests++
	return f.generation, ""
}

// result counts what an attempt came to.
func (f *fuse) result(p *play, now moment, generation int, ok bool) {
	f.look(p, now)
	if generation != f.generation {
		return
	}
	f.counts.Ended(ok)
	switch {
	case ok:
		if f.state == halfOpen && f.counts.ConsecutiveSuccesses >= int64(f.policy.MaxRequests) {
			f.enter(p, closed, now)
		}
	case f.state == halfOpen || f.trip.eval(f.counts):
		f.enter(p, open, now)
	}
}

// breaks tells whether an order passes a breaker.
func (o *order) breaks() bool { return o.sender.policies.Breaker != nil }

func (o *order) key() breakerKey { return breakerKey{o.sender.caller, o.sender.target, o.path} }

// fuse is the breaker that an order passes; nil for none.
func (p *play) fuse(o *order) *fuse {
	if !o.breaks() {
		return nil
	}
	k := o.key()
	f, known := p.fuses[k]
	if !known {
		f = p.newFuse(k.caller, k.target+":"+k.path, *o.sender.policies.Breaker)
		p.forget(o.sender)
		p.fuses[k] = f
	}
	return f
}

// forget makes room for one more breaker: of those that a sidecar has for a target the least recently used goes.
func (p *play) forget(s *sender) {
	var oldest *breakerKey
	n := 1
	for k, f := range p.fuses {
		if k.caller != s.caller || k.target != s.target {
			continue
		}
		if n++; oldest == nil || f.used < p.fuses[*oldest].used {
			oldest = &k
		}
	}
	if n > s.breakers && oldest != nil {
		delete(p.fuses, *oldest)
	}
}

// crowded tells whether the order in which two orders ask for their breakers may decide which one is forgotten.
func (p *play) crowded(a, b *order) bool {
	return a.breaks() && a.sender.path.each != nil && a.sender == b.sender && len(p.fuses) >= a.sender.breakers && a.path != b.path
}

// keptBreakers is how many breakers, one a path, a sidecar keeps for a target.
func keptBreakers(spec *resiliency.Spec, target string) int {
	if spec == nil {
		return cacheSize(0)
	}
	return cacheSize(spec.Apps[target].CacheSize)
}
