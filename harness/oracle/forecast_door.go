package oracle

import (
	"math/rand/v2"
	"path"
	"slices"

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
	for _, d := range s.doors {
		if d.fault.Service != target || !d.takes(to) {
			continue
		}
		f.door = d
		if d.fault.Kind == scenario.Respond {
			f.Mode = Mode{Kind: ModeAnswers, Status: d.fault.Status}
			return f
		}
	}
	return f
}

// countsAtDoor tells whether the order in which two orders reach their target's door may make a difference.
func (p *play) countsAtDoor(a, b *order) bool {
	if len(p.doors) == 0 || a.sender.target != b.sender.target {
		return false
	}
	for _, d := range p.doors {
		if d.fault.Service == a.sender.target && d.counts() {
			return true
		}
	}
	return false
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
