package oracle

import (
	"math/rand/v2"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An Outlook is what a caller lives through while its target is away and does not come back, and when it does.
type Outlook struct {
	Caller   string         `json:"caller"`
	Target   string         `json:"target"`
	Policies string         `json:"policies"`
	Attempts int            `json:"attempts"`             // that one order of a lone caller costs; 0 for without end
	Hangs    *Window        `json:"hangs,omitempty"`      // how long such an order takes until its caller is told; null for without end
	Refused  bool           `json:"refused,omitempty"`    // what ends it is the breaker's refusal
	Left     bool           `json:"left,omitempty"`       // what ends it is the caller's own patience
	Trips    *Trips         `json:"trips,omitempty"`      // null where no breaker opens
	Dead     bool           `json:"dead_hang,omitempty"`  // a target that accepts and never answers hangs an order for ever
	Hung     *Window        `json:"hung,omitempty"`       // how long an order takes against such a target; null for without end
	HungFor  int            `json:"hung_attempts"`        // and how many attempts it costs; 0 for without end
	Timeout  *time.Duration `json:"timeout_ns,omitempty"` // of an attempt
	Open     *time.Duration `json:"open_ns,omitempty"`    // how long a breaker refuses; null where there is none
	Probes   int            `json:"probes,omitempty"`     // that half-open admits
	Recovers time.Duration  `json:"recovers_ns"`          // the longest that a lone caller needs after the target is ready
	Attained bool           `json:"attained,omitempty"`   // there is an outage after which it needs just that (a nanosecond less)
	Many     Many           `json:"many"`
}

// Many is what is different for several callers of one sidecar that send at once.
type Many struct {
	Callers  int           `json:"callers"`
	Trips    *Trips        `json:"trips,omitempty"`
	GivesUp  bool          `json:"gives_up,omitempty"` // orders that are being retried may end at the open breaker
	Recovers time.Duration `json:"recovers_ns"`        // at most
}

// Trips is when a breaker opens.
type Trips struct {
	Failure int    `json:"failure"` // on which
	After   Window `json:"after"`   // after the first one
	Order   int    `json:"order"`   // within which of a lone caller's sendings in the outage
}

// severalCallers are as many as are told about where a scenario has one.
const severalCallers = 10

// lookOut follows callers against a target that never comes back.
func lookOut(policies resiliency.Policies, c scenario.Service) Outlook {
	out := Outlook{
		Caller: c.Name, Target: c.Sends.To, Policies: policies.Why, Timeout: policies.Timeout,
		Dead: (policies.Timeout == nil || *policies.Timeout == 0) && c.Sends.Timeout == 0,
		Many: Many{Callers: severalCallers},
	}
	if c.Sends.Callers > 1 {
		out.Many.Callers = c.Sends.Callers
	}
	if b := policies.Breaker; b != nil {
		out.Open, out.Probes = &b.Timeout, b.MaxRequests
	}
	one := endure(policies, c, ModeUnreachable, 1, nil)
	out.Attempts, out.Hangs = one.attempts, one.hangs
	out.Refused, out.Left = one.ends == ForecastRefused, one.ends == ForecastLeft
	out.Trips = one.trips
	if !out.Dead {
		hung := endure(policies, c, ModeHangs, 1, nil)
		out.Hung, out.HungFor = hung.hangs, hung.attempts
	}
	out.Recovers, _ = policies.RecoveryBound(c.Sends.Every, c.Sends.Timeout)
	breaks := policies.Breaker != nil
	if followed := !policies.Draws() || !breaks && c.Sends.Timeout == 0; followed && (!breaks || policies.Breaker.Interval <= 0) {
		// At worst the target is ready just after an attempt has failed, or just after a pause has begun.
		out.Recovers, out.Attained = max(one.longest, c.Sends.Every), !policies.Draws()
	}
	out.many(policies, c)
	return out
}

// many follows several callers, in some of the ways in which that may go.
func (out *Outlook) many(policies resiliency.Policies, c scenario.Service) {
	const draws = 8
	for seed := range uint64(draws) {
		e := endure(policies, c, ModeUnreachable, out.Many.Callers, rand.New(rand.NewPCG(seed, 0)))
		out.Many.GivesUp = out.Many.GivesUp || e.givesUp
		switch t := out.Many.Trips; {
		case t == nil:
			out.Many.Trips = e.trips
		case e.trips != nil:
			t.After = Window{min(t.After.Lo, e.trips.After.Lo), max(t.After.Hi, e.trips.After.Hi)}
			t.Failure = min(t.Failure, e.trips.Failure)
		}
	}
	out.Many.Recovers = out.Recovers
	if b := policies.Breaker; b != nil && out.Many.Trips != nil {
		out.Many.Recovers = max(out.Many.Recovers, b.Timeout+c.Sends.Every) // whoever is refused asks again `every` later
	}
}

// An endured outage is what callers made of it.
type endured struct {
	attempts int // of the first order; 0 for without end
	hangs    *Window
	ends     string // how the first order did
	trips    *Trips
	longest  time.Duration // between an attempt and the next one, over all callers
	givesUp  bool
}

// mostEndured bounds attempts: an order that goes on for so long goes on for ever.
const mostEndured = 200

// endure has callers send to a target that is of one mode for ever. Without dice it takes the first of all ways, with
// what is not known beforehand left open.
func endure(policies resiliency.Policies, c scenario.Service, mode string, callers int, dice *rand.Rand) (e endured) {
	const most = 3000
	p := &play{scene: newScene(), fuses: map[breakerKey]*fuse{}, ways: ways{dice: dice}}
	p.play = p
	if mode == ModeUnreachable {
		p.down[role{c.Sends.To, history.Sidecar}] = 1
	} else {
		p.modes[c.Sends.To] = Mode{Kind: mode}
	}
	s := &sender{
		play: p, caller: c.Name, target: c.Sends.To, path: pathOf(c.Sends), breakers: cacheSize(0), policies: policies, callers: callers,
		every: c.Sends.Every, timeout: c.Sends.Timeout, once: c.Sends.Until == "once",
	}
	for range callers {
		p.due(&happening{kind: sends, do: s.next})
	}
	crossed, seen := 0, 0
	for range most {
		h := p.pick()
		if h == nil || crossed > mostEndured {
			break
		}
		p.cancel(h)
		p.now = h.at
		h.do(h.at)
		for ; seen < len(p.told); seen++ {
			if p.told[seen].kind == "attempt" {
				crossed++
			}
		}
	}
	e.read(p.told)
	return e
}

// read takes what callers lived through from what was told.
func (e *endured) read(told []foreseen) {
	var last, first *foreseen
	orders := 0
	for i := range told {
		switch t := &told[i]; t.kind {
		case "attempt":
			if last != nil {
				e.longest = max(e.longest, t.at.minus(last.at).hi)
			}
			if first == nil {
				first = t
			}
			last = t
		case "breaker":
			if t.what == closed+" to "+open && e.trips == nil && first != nil {
				after := t.at.minus(first.at)
				e.trips = &Trips{Failure: t.n, After: Window{after.lo, after.hi}, Order: orders + 1}
			}
		case "order":
			if orders++; orders == 1 {
				hangs := t.at.minus(t.began)
				e.attempts, e.hangs, e.ends = t.n, &Window{hangs.lo, hangs.hi}, t.what
			}
			e.givesUp = e.givesUp || t.what == ForecastRefused && t.n > 0
		}
	}
}
