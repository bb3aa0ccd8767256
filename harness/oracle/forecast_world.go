package oracle

import (
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Mode is what a target does with a request that reaches it.
type Mode struct {
	Kind   string        // ModeAnswers and so on
	Status int           // ModeAnswers: 200 where it is 0
	Delay  time.Duration // ModeAnswers: after so long
}

// Kinds of modes.
const (
	ModeAnswers     = "answers"
	ModeUnreachable = "unreachable" // nobody answers for it: the connection is refused or ends
	ModeOwnError    = "own-error"   // its sidecar answers that the app can't be reached
	ModeHangs       = "hangs"
)

// A fate is what becomes of an attempt that begins now.
type fate struct {
	Mode
	takes window
	by    string   // what it hangs by: a link that swallows, or a part that is paused
	door  *doorway // the last one that has taken it; nil for none
}

// A scene is the state of the world that attempts meet.
type scene struct {
	down, paused map[role]int
	links        []scenario.Fault
	doors        []*doorway
	modes        map[string]Mode // by target
}

func newScene() scene {
	return scene{down: map[role]int{}, paused: map[role]int{}, modes: map[string]Mode{}}
}

// on finds the faults of one kind on a link.
func (s *scene) on(link, kind string) (out []scenario.Fault) {
	for _, f := range s.links {
		if f.Link == link && f.Kind == kind {
			out = append(out, f)
		}
	}
	return out
}

// reaches gives the fate of an attempt of a caller's sidecar on its way to a target's; true where it gets there.
func (s *scene) reaches(caller, target string) (fate, bool) {
	peer := caller + "->" + target
	f := fate{Mode: Mode{Kind: ModeAnswers, Status: 200}, takes: s.delay(peer)}
	switch {
	case s.refuses(peer), s.down[role{target, history.Sidecar}] > 0:
		return fate{Mode: Mode{Kind: ModeUnreachable}}, false
	case len(s.on(peer, scenario.Cut)) > 0:
		f.Mode, f.by = Mode{Kind: ModeHangs}, peer
		return f, false
	case s.paused[role{target, history.Sidecar}] > 0:
		f.Mode, f.by = Mode{Kind: ModeHangs}, "pause"
		return f, false
	}
	return f, true
}

// refuses tells whether a link resets whoever connects.
func (s *scene) refuses(link string) bool {
	return len(s.on(link, scenario.Refuse)) > 0 || len(s.on(link, scenario.Reset)) > 0
}

// meets gives the fate of an attempt of a caller's sidecar at a target, but for the doors of its app.
func (s *scene) meets(caller, target string) fate {
	f, through := s.reaches(caller, target)
	if !through {
		return f
	}
	door := target + "->app"
	switch {
	case s.refuses(door), s.down[role{target, history.App}] > 0:
		f.Mode = Mode{Kind: ModeOwnError}
		return f
	case len(s.on(door, scenario.Cut)) > 0:
		f.Mode, f.by = Mode{Kind: ModeHangs}, door
		return f
	case s.paused[role{target, history.App}] > 0:
		f.Mode, f.by = Mode{Kind: ModeHangs}, "pause"
		return f
	}
	more := s.delay(door)
	f.takes.lo += more.lo
	f.takes.hi += more.hi
	if m, ok := s.modes[target]; ok {
		f.Mode = m
		if m.Kind == ModeAnswers && m.Status == 0 {
			f.Status = 200
		}
		f.takes.lo += m.Delay
		f.takes.hi += m.Delay
	}
	return f
}

// delay is how much longer a link makes a request and its answer.
func (s *scene) delay(link string) window {
	there, back := s.slowed(link, "response"), s.answering(link)
	return window{there.lo + back.lo, there.hi + back.hi}
}

// answering is how much longer it makes an answer alone.
func (s *scene) answering(link string) window { return s.slowed(link, "request") }

// slowed is the delay of one direction: that of all faults but those that are only on the other one.
func (s *scene) slowed(link, other string) (w window) {
	for _, f := range s.on(link, scenario.Latency) {
		if f.Direction != other {
			w.lo += max(0, f.Delay-f.Jitter)
			w.hi += f.Delay + f.Jitter
		}
	}
	return w
}

// A doing is one thing that a fault does, or undoes; of a fault on a service to one of its parts.
type doing struct {
	part role
	do   func()
}

// changes are what a fault does, or undoes. A service's parts end and come back each by itself.
func (s *scene) changes(f scenario.Fault, heal bool) []doing {
	if f.AtDoor() {
		return []doing{{do: func() {
			if heal {
				s.doors = slices.DeleteFunc(slices.Clone(s.doors), func(d *doorway) bool { return d.fault.Name == f.Name })
				return
			}
			s.doors = append(s.doors, newDoorway(f))
		}}}
	}
	if f.Link != "" {
		return []doing{{do: func() {
			if heal {
				s.links = slices.DeleteFunc(slices.Clone(s.links), func(g scenario.Fault) bool { return g.Name == f.Name })
				return
			}
			s.links = append(s.links, f)
		}}}
	}
	parts := []string{history.App, history.Sidecar}
	if f.Part != "" {
		parts = []string{f.Part}
	}
	count, by := s.down, 1
	if f.Kind == scenario.Pause {
		count = s.paused
	}
	if heal {
		by = -1
	}
	var out []doing
	for _, part := range parts {
		at := role{f.Service, part}
		out = append(out, doing{at, func() { count[at] += by }})
	}
	return out
}
