package oracle

import (
	"slices"
	"strconv"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
)

// A sender is a caller's app, with the policies under which its sidecar calls the target.
type sender struct {
	*play
	caller, target string
	path           orderPath
	breakers       int // that its sidecar keeps for the target, one a path
	every, timeout time.Duration
	once           bool
	callers        int
	policies       resiliency.Policies
	last           int // the id given out last
	onDone         func(o *order, accepted bool, now moment)
}

// An order is one operation: a request to the caller's sidecar, and what it makes of it.
type order struct {
	sender   *sender
	id, path string
	probe    bool
	done     func(o *order, accepted bool, now moment)
	began    moment
	attempts int
	tries    int    // of the policy
	within   int    // built-in retries of this try
	passed   moment // when this try began

	status     int  // what its caller would be told now, after an attempt that failed
	in         fate // of the attempt on its way
	flies      bool
	flown      moment // when it began
	through    *fuse  // the breaker that let this try through; nil for none
	generation int    // of it, when it did
	waits      []*happening
}

// Kinds of ends of an order.
const (
	ForecastAccepted = "accepted"
	ForecastRefused  = "refused"
	ForecastFailed   = "failed"
	ForecastLeft     = "given up"
)

// next sends a new order.
func (s *sender) next(now moment) {
	s.last++
	s.send(strconv.Itoa(s.last), s.path.of(s.last), now)
}

func (s *sender) send(id, path string, now moment) {
	o := s.kept.next()
	o.sender, o.id, o.path = s, id, path
	if s.onDone == nil {
		s.onDone = s.after
	}
	o.done = s.onDone
	s.begin(o, s.timeout, now)
}

// after pauses, and sends the next order or the same again.
func (s *sender) after(o *order, accepted bool, now moment) {
	do := func(now moment) { s.send(o.id, o.path, now) }
	if accepted || s.once {
		do = s.next
	}
	s.due(&happening{at: now.after(s.every), kind: sends, s: s, do: do})
}

func (s *sender) begin(o *order, timeout time.Duration, now moment) {
	o.began = now
	if o.path == "" {
		o.path = s.path.all
	}
	if timeout > 0 {
		o.wait(&happening{at: now.after(timeout), kind: leaves, do: o.leave})
	}
	if o.sender.dice != nil {
		o.attempt(now) // which of those that send at once comes first is drawn already
		return
	}
	o.wait(&happening{at: now, kind: starts, do: o.attempt})
}

func (o *order) wait(h *happening) {
	h.o = o
	o.waits = append(o.waits, o.sender.due(h))
}

// forget drops what an order waits for, but for its caller's patience.
func (o *order) forget(patience bool) {
	o.waits = slices.DeleteFunc(o.waits, func(h *happening) bool {
		if h.kind == leaves && !patience {
			return false
		}
		o.sender.cancel(h)
		return true
	})
}

// attempt asks the breaker and goes to the target.
func (o *order) attempt(now moment) {
	p := o.sender.play
	o.forget(false)
	if p.down[role{o.sender.caller, history.Sidecar}] > 0 {
		if p.floor != now.at || !o.unsent(now) {
			o.unanswered(now)
		}
		return
	}
	if o.within == 0 {
		if f := p.fuse(o); f != nil {
			generation, refusal := f.admit(p, now)
			if refusal != "" {
				o.end(now, ForecastRefused, 500)
				return
			}
			o.through, o.generation = f, generation
		}
		o.tries++
		o.passed = now
	}
	o.attempts++
	p.tell(foreseen{at: now, kind: "attempt", caller: o.sender.caller, order: o.id, n: o.attempts})
	o.in, o.flies, o.flown = p.meets(o.sender.caller, o.sender.target), true, now
	switch {
	case len(p.doors) == 0 || o.in.Kind != ModeAnswers:
	case o.strays(now):
		o.in.Mode, o.in.by = Mode{Kind: ModeHangs}, astray
	default:
		o.in = p.enters(o.sender.target, o.path, o.in)
	}
	p.flying = append(p.flying, o)
	if p.race && o.in.Kind == ModeUnreachable && p.floor == now.at && p.choose(2) == 1 {
		o.unsee()
	}
	o.fly(now, o.in.takes)
}

// limit is when the policy's timeout ends this try; false where there is none.
func (o *order) limit() (at moment, limited bool) {
	timeout := o.sender.policies.Timeout
	if timeout == nil || *timeout <= 0 {
		return at, false
	}
	return o.passed.after(*timeout), true
}

// fly waits for what becomes of an attempt: its end, that of its try by the policy's timeout, or neither.
func (o *order) fly(now moment, takes window) {
	limit, limited := o.limit()
	var left window
	if limited {
		left = limit.minus(now)
	}
	if o.in.Kind != ModeHangs && (!limited || takes.lo <= left.hi) {
		in := o.in
		o.wait(&happening{at: now.plus(takes), kind: stops, ok: in.ok(), do: func(now moment) { o.over(now, in) }})
	}
	if limited && (o.in.Kind == ModeHangs || takes.hi >= left.lo) {
		o.wait(&happening{at: limit, kind: stops, do: func(now moment) { o.over(now, timedOut) }})
	}
}

var timedOut = fate{Mode: Mode{Kind: modeTimedOut}}

const modeTimedOut = "timed-out"

func (f fate) ok() bool { return f.Kind == ModeAnswers && !resiliency.Failed(f.Status) }

// over is the end of an attempt. Where a built-in retry follows, its try goes on for as long as the timeout lets it.
func (o *order) over(now moment, f fate) {
	p := o.sender.play
	pause, again := o.reaches(now, f)
	if !again || p.down[role{o.sender.caller, history.Sidecar}] > 0 {
		o.tried(now, f)
		return
	}
	o.touch()
	o.within++
	o.status = 500
	o.wait(&happening{at: now.plus(pause), kind: starts, do: o.attempt})
	if limit, limited := o.limit(); limited && limit.minus(now).lo <= pause.hi {
		o.wait(&happening{at: limit, kind: stops, do: func(now moment) { o.tried(now, timedOut) }})
	}
}

// tried is the end of a try: its result is counted, and the policies say what comes next.
func (o *order) tried(now moment, f fate) {
	p := o.sender.play
	o.land(now, f.ok())
	if f.ok() {
		how := ForecastFailed
		if f.Status/100 == 2 {
			how = ForecastAccepted
		}
		o.end(now, how, f.Status)
		return
	}
	status := 500
	if f.Kind == ModeAnswers {
		status = f.Status
	}
	o.status = status
	pause, again := o.again(now, f)
	if !again || p.down[role{o.sender.caller, history.Sidecar}] > 0 {
		o.end(now, ForecastFailed, status)
		return
	}
	o.wait(&happening{at: now.plus(pause), kind: starts, do: o.attempt})
}

// touch takes an attempt out of the air.
func (o *order) touch() {
	p := o.sender.play
	o.flies = false
	p.flying = slices.DeleteFunc(p.flying, func(g *order) bool { return g == o })
	o.forget(false)
}

// land does so, and counts the try that it was the last one of.
func (o *order) land(now moment, ok bool) {
	p := o.sender.play
	o.touch()
	o.within = 0
	if f := o.through; f != nil {
		f.result(p, now, o.generation, ok)
	}
	p.dry(o.sender.caller, now)
}

// leave is the caller's giving up. What is on its way counts as a failure; so may a retry that is due at the same
// instant, which finds its caller gone before it crosses the link.
func (o *order) leave(now moment) {
	flew := o.flies
	o.drop(now)
	if flew && o.mayTurn(now) && o.sender.choose(2) == 1 {
		// What breaks or is mended in the instant of its leaving may end its attempt: its sidecar answers nobody, and the
		// tap sees that before it sees that nobody is there.
		o.sender.owing = &now.at
		o.end(now, ForecastFailed, 500)
		return
	}
	o.end(now, ForecastLeft, 0)
}

// drop is what its sidecar makes of an order whose caller is gone.
func (o *order) drop(now moment) {
	f := o.sender.fuse(o)
	switch {
	case o.flies:
		// An answer of this very instant may have been counted, and yet find nobody.
		counts := f != nil && slices.ContainsFunc(o.waits, func(h *happening) bool { return h.kind == stops && h.ok && h.at.minus(now) == window{} })
		o.land(now, counts && o.sender.choose(2) == 1)
	case o.within > 0: // in the pause before a built-in retry
		o.land(now, false)
	case f == nil || !slices.ContainsFunc(o.waits, func(h *happening) bool { return h.kind == starts && h.at.minus(now) == window{} }):
	case o.sender.choose(2) == 1:
		if generation, refusal := f.admit(o.sender.play, now); refusal == "" {
			f.result(o.sender.play, now, generation, false)
		}
	}
}

// mayTurn tells whether the world turns in the instant in which an order's caller leaves it, or may still: a probe's end
// makes the timeline go on.
func (o *order) mayTurn(now moment) bool {
	p := o.sender.play
	return p.race && (o.probe || p.floor == now.at ||
		slices.ContainsFunc(p.pending, func(h *happening) bool { return h.kind == turns && h.at.minus(now) == window{} }))
}

func (o *order) end(now moment, how string, status int) {
	// An answer that comes at the instant when its caller's patience ends passes the tap, and may find nobody.
	late := o.sender.race && slices.ContainsFunc(o.waits, func(h *happening) bool { return h.kind == leaves && h.at.minus(now) == window{} })
	heard := !late || o.sender.choose(2) == 0
	o.forget(true)
	if o.sender.race && o.attempts == 0 && how == ForecastFailed {
		how = ForecastRefused // none of its attempts was seen: so does a refusal look
	}
	o.sender.tell(foreseen{at: now, kind: "order", caller: o.sender.caller, order: o.id, n: o.attempts, what: how, status: status, began: o.began})
	if how == ForecastAccepted && !o.probe {
		o.sender.accepted(o.sender.caller, now)
	}
	o.done(o, how == ForecastAccepted && heard, now)
}

// disturb tells all attempts on their way that the world has changed.
func (p *play) disturb(now moment) {
	for _, o := range slices.Clone(p.flying) {
		f, otherwise := o.changed()
		if !otherwise {
			continue
		}
		if f.Kind != ModeHangs && f.takes.hi > o.in.takes.hi {
			o.slow(now, f)
			continue
		}
		if f.Kind == ModeUnreachable && o.flown.minus(now) == (window{}) && p.race && p.choose(2) == 1 {
			o.unsee()
		}
		o.stopFlight()
		o.in = f
		o.fly(now, window{})
	}
}

// changed gives what becomes of an attempt on its way, now that the world has changed; false where that is the same.
func (o *order) changed() (fate, bool) {
	p, before := o.sender.play, o.in
	if before.door != nil {
		return o.held()
	}
	f := p.meets(o.sender.caller, o.sender.target)
	if before.Kind == ModeHangs && before.by == "" && f.Kind != ModeUnreachable {
		return before, false // an app that hangs on one request may answer the next one
	}
	if f.Mode == before.Mode && f.takes == before.takes && f.by == before.by {
		return before, false
	}
	if before.Kind == ModeHangs && before.by != "pause" && f.by != before.by && f.Kind != ModeUnreachable {
		f = fate{Mode: Mode{Kind: ModeUnreachable}} // healing a cut closes what it swallowed
		if before.by == o.sender.target+"->app" {
			f.Kind = ModeOwnError
		}
	}
	return f, true
}

// unsee is an attempt whose connection is reset at the instant of its sending: no tap has read its head.
func (o *order) unsee() {
	for i := len(o.sender.told) - 1; i >= 0; i-- {
		t := o.sender.told[i]
		if t.kind == "attempt" && t.caller == o.sender.caller && t.order == o.id {
			o.sender.told = slices.Delete(o.sender.told, i, i+1)
			o.attempts--
			return
		}
	}
}

// stopFlight takes back how an attempt was to end.
func (o *order) stopFlight() {
	o.waits = slices.DeleteFunc(o.waits, func(h *happening) bool {
		if h.kind != stops {
			return false
		}
		o.sender.cancel(h)
		return true
	})
}

// slow is an attempt on its way when a link becomes slower: that is too late for it, but where its answer is only
// just coming at this instant.
func (o *order) slow(now moment, f fate) {
	just := func(h *happening) bool { return h.kind == stops && h.at.minus(now) == window{} }
	if !slices.ContainsFunc(o.waits, just) || o.sender.choose(2) == 0 {
		return
	}
	late := o.sender.answering(o.sender.caller + "->" + o.sender.target)
	more := o.sender.answering(o.sender.target + "->app")
	o.stopFlight()
	o.in = f
	o.fly(now, window{late.lo + more.lo, late.hi + more.hi})
}
