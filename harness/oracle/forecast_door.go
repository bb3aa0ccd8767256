package oracle

import (
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A doorway is a fault at an app's door as the forecast plays it: what it has met so far decides what it does with the
// next request. It draws as the door itself does, from the scenario's seed.
type doorway struct {
	fault scenario.Fault
	met   int // requests that it was about so far
	dice  *rand.Rand
}

func newDoorway(f scenario.Fault) *doorway {
	return &doorway{fault: f, dice: rand.New(rand.NewPCG(uint64(f.Seed), 0))}
}

// takes tells whether a request to a path is one that the fault is about.
func (d *doorway) takes(to string) bool {
	if d.fault.Path != "" {
		if ok, err := path.Match(d.fault.Path, to); err != nil || !ok {
			return false
		}
	}
	d.met++
	switch {
	case d.fault.First > 0:
		return d.met <= d.fault.First
	case d.fault.Ratio > 0:
		return d.dice.Float64() < d.fault.Ratio
	}
	return true
}

// counts tells whether it depends on their order which of two requests it is about.
func (d *doorway) counts() bool {
	return d.fault.First > d.met || d.fault.First == 0 && d.fault.Ratio > 0
}

// enters takes a request that has come as far as its target's sidecar through the doors of the app, in the order in
// which they were put there.
func (s *scene) enters(target, to string, f fate) fate {
	var hold time.Duration
	for _, d := range s.doors {
		if d.fault.Service != target || !d.takes(to) {
			continue
		}
		f.door = d
		switch d.fault.Kind {
		case scenario.Respond: // at once, whatever others hold back
			return fate{Mode: Mode{Kind: ModeAnswers, Status: d.fault.Status}, takes: f.takes, door: d}
		case scenario.Hang:
			return fate{Mode: Mode{Kind: ModeHangs}, by: "door", takes: f.takes, door: d}
		case scenario.Slow:
			hold += d.fault.Delay
		}
	}
	f.takes.lo += hold
	f.takes.hi += hold
	return f
}

// disturbsDoor says why a fault can't be followed beside others at one app: whether a door or the app has the last word,
// and what a slow way does to what a door holds, nobody can know beforehand. "" where it can.
func (t *timeline) disturbsDoor(f scenario.Fault) string {
	p := t.play
	beside := func(what string) string {
		return "it falls together with " + what + ", and how the two mix is not followed"
	}
	if f.AtDoor() {
		return p.mixes(f, beside)
	}
	for _, d := range p.doors {
		if p.mixesWith(f, d.fault.Service) {
			return beside(d.fault.String())
		}
	}
	for _, o := range p.flying {
		if o.in.door != nil && p.mixesWith(f, o.sender.target) {
			return beside(o.in.door.fault.String() + ", which still holds a request")
		}
	}
	return ""
}

// mixes says what is on already that a fault at a door can't be followed beside.
func (p *play) mixes(f scenario.Fault, beside func(string) string) string {
	for _, on := range p.links {
		if p.mixesWith(on, f.Service) {
			return beside(on.String())
		}
	}
	for at, n := range p.down {
		if n > 0 && at == (role{f.Service, history.App}) {
			return beside("the end of " + f.Service + "/app")
		}
	}
	for at, n := range p.paused {
		if n > 0 && at.service == f.Service {
			return beside("the pause of " + at.service + "/" + at.part)
		}
	}
	return ""
}

// mixesWith tells whether a fault is one that can't be followed beside one at a target's door. A link to its sidecar that
// breaks whole, and the sidecar's own end, can.
func (p *play) mixesWith(f scenario.Fault, target string) bool {
	switch {
	case f.Link == target+"->app":
		return true
	case f.Link != "":
		whole := f.Kind == scenario.Refuse || f.Kind == scenario.Reset || f.Kind == scenario.Cut && (f.Direction == "" || f.Direction == "both")
		return strings.HasSuffix(f.Link, "->"+target) && !whole
	}
	return f.Service == target && (f.Kind == scenario.Pause || f.Part != history.Sidecar)
}

// countsAtDoor tells whether the order in which two orders reach their target's door may make a difference.
func (p *play) countsAtDoor(a, b *order) bool {
	return len(p.doors) > 0 && a.sender.target == b.sender.target && p.counted(a.sender.target)
}

// counted tells whether a target's door counts its requests.
func (p *play) counted(target string) bool {
	return slices.ContainsFunc(p.doors, func(d *doorway) bool { return d.fault.Service == target && d.counts() })
}

// astray is what an attempt hangs by that crosses its link and never comes to the door: in the instant of its sending its
// caller leaves, or its target's sidecar ends.
const astray = "astray"

// strays chooses whether an attempt goes astray, where that makes a difference to those that the door meets later.
func (o *order) strays(now moment) bool {
	p := o.sender.play
	if !p.counted(o.sender.target) {
		return false
	}
	soon := func(h *happening) bool { return h.at.minus(now) == window{} }
	leaving := slices.ContainsFunc(o.waits, func(h *happening) bool { return h.kind == leaves && soon(h) })
	ending := p.race && slices.ContainsFunc(p.pending, func(h *happening) bool { return h.kind == turns && soon(h) })
	if leaving || ending {
		if p.choose(2) == 1 {
			p.strayed = true
			return true
		}
	}
	return false
}

// lost tells whether an attempt went astray and yet nothing became of it in its own instant: such a way can't be gone.
func (p *play) lost() bool {
	return slices.ContainsFunc(p.flying, func(o *order) bool { return o.in.by == astray })
}

// held gives what becomes of an attempt that a door has taken, after a change of the world: only what breaks its way back
// matters to it, and that its door is there no more. false where nothing does.
func (o *order) held() (fate, bool) {
	p := o.sender.play
	f, through := p.reaches(o.sender.caller, o.sender.target)
	switch {
	case !through:
		return f, f.Mode != o.in.Mode || f.by != o.in.by
	case o.in.Kind == ModeHangs && !slices.Contains(p.doors, o.in.door):
		return fate{Mode: Mode{Kind: ModeOwnError}}, true // healing closes what was kept
	}
	return o.in, false
}
