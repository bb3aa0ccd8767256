package oracle

import (
	"maps"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// endGrace is how long a sidecar that is told to end lets attempts on their way go on: daprd's own, and ours.
const endGrace = 5 * time.Second

// mostPolled is how much later than its last answer a server sees that it may end: it looks after ever longer pauses.
const mostPolled = 550 * time.Millisecond

// turned is what the end or the coming back of a part does to a caller whose part it is; then is called once it has ended
// or is back.
func (t *timeline) turned(at role, kind string, heal bool, now moment, then func(moment)) {
	p := t.play
	mine := slices.ContainsFunc(p.senders, func(s *sender) bool { return s.caller == at.service })
	switch n := p.down[at]; {
	case !mine, kind == scenario.Pause, heal && n > 0, !heal && n > 1:
	case at.part == history.App && heal:
		p.beginAgain(at.service, now)
	case at.part == history.App:
		p.abandon(at.service, now)
	case heal: // what its breakers had counted is gone
		maps.DeleteFunc(p.fuses, func(k breakerKey, _ *fuse) bool { return k.caller == at.service })
	case kind == scenario.Kill:
		p.cutOff(at.service, now)
	default:
		p.drain(at.service, now, then)
		return
	}
	then(now)
}

// beginAgain is a caller's app that is back: it knows of no order, and counts from 1.
func (p *play) beginAgain(caller string, now moment) {
	for _, s := range p.senders {
		if s.caller != caller {
			continue
		}
		s.last = 0
		for range s.callers {
			p.due(&happening{at: now, kind: sends, s: s, do: s.next})
		}
	}
}

// abandon is the end of a caller's app: nobody waits for its orders any more.
func (p *play) abandon(caller string, now moment) {
	p.pending = slices.DeleteFunc(p.pending, func(h *happening) bool { return h.kind == sends && h.s != nil && h.s.caller == caller })
	for _, o := range p.living(caller) {
		if o.probe {
			continue
		}
		o.done = func(*order, bool, moment) {}
		if o.unsent(now) {
			continue
		}
		o.drop(now)
		o.end(now, ForecastLeft, 0)
	}
}

// living are a caller's orders that have no end yet.
func (p *play) living(caller string) []*order {
	out := slices.DeleteFunc(slices.Clone(p.flying), func(o *order) bool { return o.sender.caller != caller })
	for _, h := range p.pending {
		if h.o != nil && h.o.sender.caller == caller && !slices.Contains(out, h.o) {
			out = append(out, h.o)
		}
	}
	return out
}

// unsent chooses whether an order that is sent at the instant of an end was ever seen.
func (o *order) unsent(now moment) bool {
	if !o.sender.race || o.attempts > 0 || o.began.minus(now) != (window{}) || o.sender.choose(2) == 0 {
		return false
	}
	o.forget(true)
	o.done(o, false, now)
	return true
}

// unanswered is an order whose caller finds no sidecar, or loses it.
func (o *order) unanswered(now moment) {
	p := o.sender.play
	o.touch()
	o.forget(true)
	p.tell(foreseen{at: now, kind: "order", caller: o.sender.caller, order: o.id, n: o.attempts, what: ForecastFailed, began: o.began})
	o.done(o, false, now)
}

// cutOff is the end of a caller's sidecar with all that it had in hand.
func (p *play) cutOff(caller string, now moment) {
	for _, o := range p.living(caller) {
		switch {
		case o.attempts == 0: // it is on its way to nobody
			continue
		case o.flies && o.flown.minus(now) == (window{}) && p.race && p.choose(2) == 1:
			o.unsee()
		}
		o.unanswered(now)
	}
}

// drain is the end of a caller's sidecar that is told to end: it sends nothing again, answers what waits for a retry with
// what it has, and lets attempts on their way go on for a while.
func (p *play) drain(caller string, now moment, then func(moment)) {
	for _, o := range p.living(caller) {
		if !o.flies && o.attempts > 0 {
			if o.within > 0 {
				o.land(now, false)
			}
			o.end(now, ForecastFailed, o.status)
		}
	}
	if !p.flies(caller) {
		then(now)
		return
	}
	if p.draining == nil {
		p.draining = map[string]*drained{}
	}
	d := &drained{began: now, then: then}
	d.limit = p.due(&happening{at: now.after(endGrace), kind: turns, do: func(now moment) {
		delete(p.draining, caller)
		p.cutOff(caller, now)
		then(now)
	}})
	p.draining[caller] = d
}

// A drained sidecar has attempts on their way and is about to end.
type drained struct {
	began moment
	limit *happening
	then  func(moment)
}

func (p *play) flies(caller string) bool {
	return slices.ContainsFunc(p.flying, func(o *order) bool { return o.sender.caller == caller })
}

// dry ends a sidecar that is about to end once nothing of it is on its way.
func (p *play) dry(caller string, now moment) {
	d := p.draining[caller]
	if d == nil || p.flies(caller) {
		return
	}
	p.cancel(d.limit)
	delete(p.draining, caller)
	if p.race { // when it was seen to have ended is known
		p.timeline.soon(now, d.then)
		return
	}
	p.timeline.soon(now.plus(window{0, min(now.minus(d.began).hi, mostPolled)}), d.then)
}
