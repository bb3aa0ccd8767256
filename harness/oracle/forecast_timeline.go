package oracle

import (
	"slices"
	"strconv"
	"time"

	"github.com/halfopen/halfopen/harness/scenario"
)

// A timeline goes through the plan's steps as the runner does.
type timeline struct {
	play    *play
	plan    scenario.Plan
	i       int // the step that goes on
	orders  int // still to be accepted
	waiting *scenario.Wait
	limit   *happening
	healing int // faults that heal themselves and have not yet
	healed  *moment
	opening map[string]bool           // callers whose breakers have opened since the last injection
	passed  map[string]bool           // callers with an order accepted after the last healing
	open    map[string]scenario.Fault // those that a step heals
	probes  int
	closing bool
	known   map[string]time.Duration // by fault: when it was told to be applied and healed, where that is known
}

// step does one entry after the other until one takes time.
func (t *timeline) step(now moment) {
	steps := t.plan.Scenario.Timeline
	if t.i == len(steps) {
		t.close(now)
		return
	}
	s := steps[t.i]
	t.i++
	switch {
	case s.Fault != nil:
		t.inject(*s.Fault, now)
	case s.Heal != "":
		f := t.open[s.Heal]
		t.heal(f, now, func(now moment) { t.step(now) })
	case s.Send != nil:
		t.send(*s.Send, now)
	case s.Wait != nil:
		t.wait(s.Wait, t.plan.Limits[t.i-1], now)
	}
}

func (t *timeline) soon(now moment, do func(moment)) {
	t.play.due(&happening{at: now, kind: moves, do: do})
}

func (t *timeline) wait(w *scenario.Wait, limit time.Duration, now moment) {
	if w.For > 0 {
		t.soon(now.after(w.For), t.step)
		return
	}
	t.waiting, t.orders = w, w.Orders
	if w.Within > 0 {
		limit = w.Within
	}
	t.limit = t.play.due(&happening{at: now.after(limit), kind: moves, do: t.giveUp})
	t.look(now)
}

// giveUp ends a wait in vain. What follows would wait for the same in vain too, but for an opening.
func (t *timeline) giveUp(now moment) {
	opened := t.waiting.Opened != ""
	t.waiting, t.limit = nil, nil
	if !opened {
		t.i = len(t.plan.Scenario.Timeline)
	}
	t.step(now)
}

// look tells whether the wait has seen what it waits for.
func (t *timeline) look(now moment) {
	w := t.waiting
	if w == nil {
		return
	}
	switch {
	case w.Orders > 0 && t.orders > 0, w.Opened != "" && !t.opening[w.Opened],
		w.Recovered != "" && (t.healing > 0 || !t.passed[w.Recovered]):
		return
	}
	t.play.cancel(t.limit)
	t.waiting, t.limit = nil, nil
	t.soon(now, t.step)
}

// accepted is told of each order that was.
func (t *timeline) accepted(caller string, now moment) {
	t.orders--
	if t.healed == nil || now.minus(*t.healed).hi > 0 {
		if t.passed == nil {
			t.passed = map[string]bool{}
		}
		t.passed[caller] = true
	}
	t.look(now)
}

// opened is told of each breaker that opens.
func (t *timeline) opened(caller string, now moment) {
	if t.opening == nil {
		t.opening = map[string]bool{}
	}
	t.opening[caller] = true
	t.look(now)
}

// decides tells whether what comes of an attempt may make the timeline go on.
func (p *play) decides(h *happening) bool {
	w := p.waiting
	switch {
	case h.o == nil:
		return false
	case h.o.probe:
		return h.kind != starts || h.o.breaks()
	case w == nil || h.kind == starts:
		return false
	case w.Opened != "":
		return !h.ok
	case w.Recovered != "":
		return h.ok && p.healing == 0
	}
	const inFlight = 64
	return h.ok && p.orders <= min(len(p.flying)+len(p.pending), inFlight)
}

// leads tells whether an attempt that begins may make the timeline go on within the same instant.
func (p *play) leads(h *happening) bool {
	as := *h
	as.kind = stops
	as.ok = true
	if p.decides(&as) {
		return true
	}
	as.ok = false
	return p.decides(&as)
}

// followed are the kinds of faults whose course is foretold.
var followed = []string{
	scenario.Stop, scenario.Kill, scenario.Pause, scenario.Restart, scenario.Cut, scenario.Refuse, scenario.Reset, scenario.Latency, scenario.Respond, scenario.Hang, scenario.Slow,
}

// unforetold says why a fault can't be followed; "" where it can.
func (t *timeline) unforetold(f scenario.Fault) string {
	switch {
	case !slices.Contains(followed, f.Kind):
		return "what it does is not followed"
	case f.Kind == scenario.Reset && f.Delay > 0:
		return "how old each connection is then is not followed"
	}
	for _, c := range t.plan.Scenario.Callers() {
		switch {
		case f.Link == c.Name+"->sidecar":
			return "it breaks the way of " + c.Name + " to its sidecar, which is not followed"
		case f.Service == c.Name && f.Kind == scenario.Pause:
			return "what " + c.Name + " makes at once of all that came while it was frozen is not followed"
		}
	}
	return t.disturbsDoor(f)
}

func (t *timeline) inject(f scenario.Fault, now moment) {
	p := t.play
	p.tell(foreseen{at: now, kind: "fault", order: f.Name, what: "injected"})
	if why := t.unforetold(f); why != "" {
		p.why, p.ended = "from "+f.String()+" on nothing is foretold: "+why, true
		return
	}
	t.opening = nil
	t.change(f, false, now, func(now moment) {
		t.once(f, "applied", now, func(now moment) {
			if f.Kind == scenario.Restart {
				t.heal(f, now, t.step)
				return
			}
			t.last(f, now)
			t.step(now)
		})
	})
}

// last says how long a fault lasts: its own time, or until a step heals it.
func (t *timeline) last(f scenario.Fault, now moment) {
	if f.For == 0 {
		t.open[f.Name] = f
		return
	}
	t.healing++
	mend := func(now moment) {
		t.heal(f, now, func(now moment) {
			t.healing--
			t.look(now)
			if t.closing {
				t.close(now)
			}
		})
	}
	t.play.due(&happening{at: now.after(f.For), kind: turns, do: mend})
}

func (t *timeline) heal(f scenario.Fault, now moment, then func(moment)) {
	t.change(f, true, now, func(now moment) {
		t.once(f, "healed", now, func(now moment) {
			t.healed, t.passed = &now, nil
			then(now)
		})
	})
}

// mostUnready is how much later than it was done a fault may be told to be applied or healed: probes pause between two
// looks, and so does net/http while it shuts down: it looks for what is still open after ever longer pauses, of a
// millisecond at first and half a second at last, each drawn up to a tenth longer.
const mostUnready = 2 * time.Second

// once goes on when a fault is told to be applied or healed: at once, or when that is known to have been.
func (t *timeline) once(f scenario.Fault, what string, now moment, then func(moment)) {
	tell := func(now moment) {
		t.play.tell(foreseen{at: now, kind: "fault", order: f.Name, what: what})
		then(now)
	}
	if at, known := t.known[f.Name+" "+what]; known && at > now.at && at <= now.at+mostUnready {
		t.soon(moment{at: at}, tell)
		return
	}
	tell(now)
}

// change breaks or mends all parts at once, each in its own moment of the instant.
func (t *timeline) change(f scenario.Fault, heal bool, now moment, then func(moment)) {
	changes := t.play.changes(f, heal)
	left := len(changes)
	for _, c := range changes {
		t.play.due(&happening{at: now, kind: turns, do: func(now moment) {
			c.do()
			if why := t.inTheAir(f, heal, now); why != "" {
				t.play.stop("from the end of " + f.Target() + " on nothing is foretold: " + why)
				return
			}
			t.play.disturb(now)
			t.turned(c.part, f.Kind, heal, now, func(now moment) {
				if left--; left == 0 {
					t.soon(now, then)
				}
			})
		}})
	}
}

// inTheAir says why the end of a target's part can't be followed: attempts are on their way to it that would not have
// ended in this instant. Told to end, it may take its time for them; what it has sent may still come through a slow link.
func (t *timeline) inTheAir(f scenario.Fault, heal bool, now moment) string {
	if heal || !endsParts(f.Kind) {
		return ""
	}
	for _, o := range t.play.flying {
		if o.sender.target != f.Service {
			continue
		}
		_, otherwise := o.changed()
		ends := slices.ContainsFunc(o.waits, func(h *happening) bool { return h.kind == stops && h.at.minus(now) == window{} })
		slow := o.in.Kind == ModeAnswers && o.in.door == nil
		if otherwise && !ends && (f.Kind != scenario.Kill || slow) {
			return "attempts are on their way to it, and how it ends with them is not followed"
		}
	}
	return ""
}

// send puts an order of the harness's own through a caller's sidecar, and waits for its answer.
func (t *timeline) send(s scenario.Send, now moment) {
	const patience = 30 * time.Second
	within := s.Within
	if within == 0 {
		within = patience
	}
	t.probes++
	for _, c := range t.play.senders {
		if c.caller == s.From {
			c.begin(&order{
				sender: c, id: "probe-" + strconv.Itoa(t.probes), probe: true,
				done: func(_ *order, _ bool, now moment) { t.soon(now, t.step) },
			}, within, now)
		}
	}
}

// close ends the run once all faults are healed.
func (t *timeline) close(now moment) {
	t.closing = true
	if t.healing > 0 {
		return
	}
	t.play.tell(foreseen{at: now, kind: "end"})
	t.play.ended = true
}
