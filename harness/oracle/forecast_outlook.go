package oracle

import (
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An Outlook is what a caller lives through while its target is away and does not come back: one order, alone.
type Outlook struct {
	Caller   string         `json:"caller"`
	Target   string         `json:"target"`
	Policies string         `json:"policies"`
	Attempts int            `json:"attempts"`            // that one order may cost; 0 for without end
	Hangs    *Window        `json:"hangs,omitempty"`     // how long an order takes until its caller is told; null for without end
	Refused  bool           `json:"refused,omitempty"`   // what ends the order is the breaker's refusal
	Trips    *Trips         `json:"trips,omitempty"`     // null where nothing opens within the order
	Dead     bool           `json:"dead_hang,omitempty"` // a target that hangs, instead of failing at once, hangs an order for ever
	Timeout  *time.Duration `json:"timeout_ns,omitempty"`
	Recovers time.Duration  `json:"recovers_ns"` // the longest that a lone caller may need after the target is ready
}

// Trips is when a breaker opens.
type Trips struct {
	Failure int    `json:"failure"` // on which
	After   Window `json:"after"`   // after the first one
}

// lookOut follows one order against a target that fails at once and never comes back.
func lookOut(policies resiliency.Policies, c scenario.Service) Outlook {
	out := Outlook{
		Caller: c.Name, Target: c.Sends.To, Policies: policies.Why, Timeout: policies.Timeout,
		Dead: (policies.Timeout == nil || *policies.Timeout == 0) && c.Sends.Timeout == 0,
	}
	out.Recovers, _ = policies.RecoveryBound(c.Sends.Every)
	p := &play{scene: newScene(), fuses: map[breakerKey]*fuse{}}
	p.timeline.play = p
	p.modes[c.Sends.To] = Mode{Kind: ModeUnreachable}
	p.down[role{c.Sends.To, "sidecar"}] = 1
	s := &sender{play: p, caller: c.Name, target: c.Sends.To, path: cleanPath(c.Sends.Path), policies: policies, callers: 1}
	o := &order{sender: s, done: func(o *order, _ bool, now moment) { p.ended = true }}
	s.begin(o, c.Sends.Timeout, moment{})
	const many = 200 // attempts: an order that goes on for so long goes on for ever
	for !p.ended && o.attempts <= many {
		h := p.pick()
		if h == nil {
			break
		}
		p.cancel(h)
		p.now = h.at
		h.do(h.at)
	}
	for _, t := range p.told {
		at := t.at.window()
		switch {
		case t.kind == "breaker" && t.what == closed+" to "+open && out.Trips == nil:
			out.Trips = &Trips{Failure: t.n, After: at}
		case t.kind == "order":
			out.Attempts, out.Hangs, out.Refused = o.attempts, &at, t.what == ForecastRefused
		}
	}
	return out
}
