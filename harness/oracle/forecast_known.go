package oracle

import (
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// Known is a run whose sendings and whose target's doings are known, as in a recording; what its caller's sidecar
// makes of them is what is foretold.
type Known struct {
	Caller, Target, Path string
	Policies             resiliency.Policies
	Sends                []Sent
	Turns                []Turn
}

// A Sent is an order, sent once.
type Sent struct {
	At time.Duration
	ID string
}

// A Turn is what the target does from a moment on.
type Turn struct {
	At   time.Duration
	Mode Mode
}

// ForeseeKnown makes the forecast of a run whose sendings are known. Moments are on its own clock.
func ForeseeKnown(k Known) Forecast {
	return merge(func() *play {
		p := &play{scene: newScene(), fuses: map[breakerKey]*fuse{}}
		p.play = p
		s := &sender{play: p, caller: k.Caller, target: k.Target, path: orderPath{all: withoutQuery(k.Path)}, policies: k.Policies, callers: 1}
		p.senders = append(p.senders, s)
		for _, t := range k.Turns {
			p.due(&happening{at: moment{at: t.At}, kind: turns, do: func(now moment) {
				p.modes[k.Target] = t.Mode
				p.disturb(now)
			}})
		}
		for _, sent := range k.Sends {
			p.due(&happening{at: moment{at: sent.At}, kind: sends, do: func(now moment) {
				s.begin(&order{sender: s, id: sent.ID, done: func(*order, bool, moment) {}}, 0, now)
			}})
		}
		if len(k.Sends) > 0 {
			p.now = moment{at: k.Sends[0].At}
			p.floor = p.now.at
		}
		return p
	})
}
