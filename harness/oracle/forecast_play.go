package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A play goes one way through a plan, on a clock on which nothing takes time but what the plan and the policies
// make wait. It is pure: whoever owns its ways decides what has no order.
type play struct {
	ways
	scene
	now      moment
	pending  []*happening
	fuses    map[breakerKey]*fuse
	uses     int // of breakers
	trips    trips
	kept     *orders                           // where they are kept from one play to the next; nil for nowhere
	bound    map[[2]string]resiliency.Policies // those in force by caller and target, where they are known already
	toll     *tolling                          // counts what happens instead of keeping it; nil to keep it
	senders  []*sender
	flying   []*order
	told     []foreseen
	draining map[string]*drained // callers whose sidecars are told to end and have attempts on their way
	touched  bool                // the plan breaks a caller itself
	timeline

	race    bool           // what happens at one instant may race: the beginning, and what taps see of it
	strayed bool           // an attempt of this instant has gone astray
	owing   *time.Duration // the world must turn in this instant, or the way can't be gone
	floor   time.Duration  // of all that meets the world: its latest turn
	ended   bool
	why     string      // why nothing is foretold from here on
	most    int         // of happenings; 0 for the usual bound
	did     int         // how many have
	void    bool        // this way can't be gone
	check   func() bool // after each instant: false where the way is not the one that is looked for
}

// A foreseen thing, at its moment.
type foreseen struct {
	at            moment
	kind          string
	caller, order string
	n             int
	what          string
	status        int
	began         moment // order: when it was sent
	within        Window // what turns of the world before and after it leave
}

// tell notes what happens. Whatever meets the world comes after the turns that have been taken, and before those
// that have not.
func (p *play) tell(f foreseen) {
	if p.toll != nil {
		p.toll.add(f)
		return
	}
	f.within = p.between()
	p.told = append(p.told, f)
}

// window is when it happens, as far as anybody can know.
func (f foreseen) window() Window {
	w := f.at.window()
	return Window{min(max(w.Lo, f.within.Lo), w.Hi), max(min(w.Hi, f.within.Hi), w.Lo)}
}

// A happening is due at a moment.
type happening struct {
	at   moment
	kind happeningKind
	o    *order  // begins, ends, leaves
	s    *sender // sends
	ok   bool    // ends
	do   func(now moment)
}

type happeningKind int

const (
	sends  happeningKind = iota // a caller sends an order: by itself it changes nothing
	starts                      // an attempt asks the breaker, and begins
	stops                       // an attempt is over
	leaves                      // a caller gives up
	turns                       // something of the world breaks or is mended
	moves                       // the timeline goes on
)

func (p *play) due(h *happening) *happening {
	if p.dice != nil {
		h.at = p.exact(h.at)
	}
	p.pending = append(p.pending, h)
	return h
}

func (p *play) cancel(h *happening) {
	if i := slices.Index(p.pending, h); i >= 0 {
		p.pending = slices.Delete(p.pending, i, i+1)
	}
}

// mostHappenings bounds a play.
const mostHappenings = 20_000

func (p *play) run() {
	most := cmp.Or(p.most, mostHappenings)
	for range most {
		h := p.pick()
		if p.ended || p.void || h == nil {
			return
		}
		if p.check != nil && h.at.at > p.now.at && !p.check() {
			p.void = true
			return
		}
		if p.strayed && h.at.at > p.now.at {
			if p.void = p.lost(); p.void {
				return
			}
			p.strayed = false
		}
		if p.owing != nil && h.at.at > p.now.at {
			if p.void = p.floor != *p.owing; p.void {
				return
			}
			p.owing = nil
		}
		p.cancel(h)
		p.did += 1 + h.at.open.count()/64 // moments of which much is unknown take longer to be compared
		p.now = h.at
		if p.void = !h.at.possible(); p.void {
			return
		}
		if p.dice == nil && h.kind != sends { // what is sent has no order among turns, but what comes of it has
			h.at = h.at.between(p.between())
		}
		if h.kind == turns {
			p.floor = max(p.floor, h.at.window().Lo)
		}
		h.do(h.at)
	}
	p.why = fmt.Sprintf("%d things happen before: too many to follow", most)
}

// between is what the turns that have been taken, and those that have not, leave of what happens now.
func (p *play) between() Window {
	w := Window{p.floor, forever}
	for _, h := range p.pending {
		if h.kind == turns {
			w.Hi = min(w.Hi, h.at.window().Hi)
		}
	}
	return w
}

// pick takes what happens next. Only where the order makes a difference, and nothing decides it, is it chosen.
func (p *play) pick() *happening {
	if p.dice != nil {
		return p.drawOne()
	}
	first := p.earliest()
	if len(first) == 1 {
		return first[0]
	}
	for _, sending := range []bool{true, false} { // an order that is not sent yet can't come first
		for _, h := range first {
			if (h.kind == sends) == sending && !slices.ContainsFunc(first, func(g *happening) bool { return g != h && p.depend(g, h) }) {
				return h
			}
		}
	}
	var kinds []signature
	var choices []*happening
	for _, h := range first {
		if k := h.signature(); !slices.Contains(kinds, k) { // of those alike any one will do
			kinds, choices = append(kinds, k), append(choices, h)
		}
	}
	if len(choices) == 0 {
		return nil
	}
	h := choices[p.choose(len(choices))]
	for _, g := range first {
		if g != h {
			narrow(h.at, g.at)
		}
	}
	return h
}

// earliest are those before which nothing must have happened.
func (p *play) earliest() []*happening {
	var first []*happening
	for _, h := range p.pending {
		if !slices.ContainsFunc(p.pending, func(g *happening) bool { return g.at.minus(h.at).hi < 0 }) {
			first = append(first, h)
		}
	}
	return first
}

// A signature tells apart things of one instant whose order may matter.
type signature struct {
	kind                    happeningKind
	alone                   *happening // what is of no order is like nothing else
	sender                  *sender
	probe, ok               bool
	attempts, tries, within int
	began                   time.Duration
	in                      fate
	path                    string
}

func (h *happening) signature() signature {
	if h.o == nil {
		return signature{kind: h.kind, alone: h}
	}
	o := h.o
	return signature{h.kind, nil, o.sender, o.probe, h.ok, o.attempts, o.tries, o.within, o.began.at, o.in, o.path}
}

// depend tells whether the order of two things may make a difference.
func (p *play) depend(a, b *happening) bool {
	if b.kind < a.kind {
		a, b = b, a
	}
	if a.o != nil && a.o == b.o || a.kind == starts && b.kind == starts && (p.countsAtDoor(a.o, b.o) || p.crowded(a.o, b.o)) {
		return true
	}
	var shared bool
	if a.o != nil && b.o != nil && a.o.breaks() && a.o.key() == b.o.key() {
		f := p.fuses[a.o.key()]
		calm := f == nil || f.state == closed
		switch shared = true; {
		case a.kind == starts && b.kind == starts:
			shared = !calm
		case a.kind == stops && b.kind == stops:
			shared = !calm || a.ok != b.ok
		case b.kind == stops && b.ok:
			shared = !calm
		}
	}
	switch {
	case a.kind == sends:
		return p.touched && b.kind >= turns // an app that ends sends nothing more
	case shared:
		return true
	case b.kind == turns:
		return a.kind != turns || p.touched
	case b.kind == moves:
		return true
	case a.kind == starts && b.kind == starts:
		return p.leads(a) || p.leads(b) // what they come to may make the timeline go on before the other begins
	}
	return p.decides(a) || p.decides(b)
}

// reached tells whether a moment is at or after a limit; where nobody can know, it is chosen.
func (p *play) reached(limit, now moment) bool {
	switch d := now.minus(limit); {
	case d.lo >= 0:
		return true
	case d.hi < 0:
		return false
	}
	if p.choose(2) == 0 {
		narrow(limit, now)
		return true
	}
	narrow(now, limit)
	return false
}

// stop ends the telling.
func (p *play) stop(why string) { p.why, p.ended = why, true }

// newPlay sets a plan up: its callers send from the beginning on, all at once, their first order within phase. The
// timeline begins before that, or at any time of the same instant where they race.
func newPlay(plan scenario.Plan, spec *resiliency.Spec, phase time.Duration, race bool) *play {
	return (&play{race: race}).set(plan, spec, phase)
}

// set does so with a play that may have dice.
func (p *play) set(plan scenario.Plan, spec *resiliency.Spec, phase time.Duration) *play {
	p.scene, p.fuses = newScene(), map[breakerKey]*fuse{}
	p.timeline = timeline{play: p, plan: plan, open: map[string]scenario.Fault{}}
	start := moment{}.plus(window{0, phase})
	if who := withoutProof(plan, spec); who != "" {
		p.stop("the sidecar of " + who + " can't load its spec, and without proof that it is loaded no load starts")
		return p
	}
	for _, c := range plan.Scenario.Callers() {
		if plan.Scenario.Called(c.Name) {
			p.stop(c.Name + " hands on what it is sent, and when that is is not followed")
			return p
		}
		p.touched = p.touched || slices.ContainsFunc(plan.Scenario.Timeline, func(s scenario.Step) bool { return s.Fault != nil && s.Fault.Service == c.Name && !s.Fault.AtDoor() })
		s := &sender{
			play: p, caller: c.Name, target: c.Sends.To, path: pathOf(c.Sends), every: c.Sends.Every, timeout: c.Sends.Timeout,
			once: c.Sends.Until == "once", policies: p.inForce(spec, c), callers: c.Sends.Callers, breakers: keptBreakers(spec, c.Sends.To),
		}
		p.senders = append(p.senders, s)
		for range c.Sends.Callers {
			p.due(&happening{at: start, kind: sends, s: s, do: s.next})
		}
	}
	if p.race {
		p.due(&happening{kind: moves, do: p.step})
	} else {
		p.step(moment{})
	}
	return p
}

// withoutProof is a caller whose sidecar is under a spec that daprd would not decode; "" for none.
func withoutProof(plan scenario.Plan, spec *resiliency.Spec) string {
	if spec == nil || !spec.Broken {
		return ""
	}
	for _, c := range plan.Scenario.Callers() {
		if len(spec.Scopes) == 0 || slices.Contains(spec.Scopes, c.Name) {
			return c.Name
		}
	}
	return ""
}
