package oracle

import (
	"cmp"
	"math/rand/v2"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An Outlook is what a caller lives through while its target is away and does not come back, and when it does; or while
// the link to it is slower.
type Outlook struct {
	Caller   string         `json:"caller"`
	Target   string         `json:"target"`
	Policies string         `json:"policies"`
	Latency  time.Duration  `json:"latency_ns,omitempty"` // the target is not away, but the link to it slower by this, each way
	Slow     bool           `json:"too_slow,omitempty"`   // that is enough to make attempts fail, or their caller leave: what follows is told of it
	Cost                    // of the first order of a lone caller
	Fresh    bool           `json:"fresh,omitempty"`       // it is told for a breaker that has counted nothing yet, and what it has counted matters
	Trips    *Trips         `json:"trips,omitempty"`       // null where no breaker opens
	Closed   int            `json:"closed_for,omitempty"`  // attempts after which it is still closed, and that it was not followed beyond
	Dead     bool           `json:"dead_hang,omitempty"`   // a target that accepts and never answers hangs an order for ever
	Hung     *Cost          `json:"hung,omitempty"`        // of an order against such a target; null where it is dead
	Opens    bool           `json:"hung_opens,omitempty"`  // orders against it make the breaker open
	Timeout  *time.Duration `json:"timeout_ns,omitempty"`  // of an attempt
	Patience time.Duration  `json:"patience_ns,omitempty"` // of the caller itself
	Open     *time.Duration `json:"open_ns,omitempty"`     // how long a breaker refuses; null where there is none
	Probes   int            `json:"probes,omitempty"`      // that half-open admits
	Recovers time.Duration  `json:"recovers_ns"`           // the longest that a lone caller needs after the target is ready
	Attained bool           `json:"attained,omitempty"`    // there is an outage after which it needs just that (a nanosecond less)
	Many     Many           `json:"many"`
}

// Many is what is different for several callers of one sidecar that send at once.
type Many struct {
	Callers  int           `json:"callers"`
	Trips    *Trips        `json:"trips,omitempty"`
	Drawn    int           `json:"drawn,omitempty"`      // how many draws of the gaps that is of, where they are drawn and it differs: no bound then
	Closed   int           `json:"closed_for,omitempty"` // attempts after which it is still closed, and that it was not followed beyond
	Fresh    bool          `json:"fresh,omitempty"`      // it is told for a breaker that has counted nothing yet, and what it has counted matters
	GivesUp  bool          `json:"gives_up,omitempty"`   // orders that are being retried may end at the open breaker
	Recovers time.Duration `json:"recovers_ns"`          // at most
}

// Trips is when a breaker opens.
type Trips struct {
	Failure int    `json:"failure"` // on which
	After   Window `json:"after"`   // after the first one
	Order   int    `json:"order"`   // within which of a lone caller's sendings in the outage
	Latest  int    `json:"latest"`  // or within a later one, up to this, where it may go in several ways
}

// severalCallers are as many as are told about where a scenario has one.
const severalCallers = 10

// lookOut follows callers against a target that never comes back.
func lookOut(policies resiliency.Policies, c scenario.Service) Outlook {
	out := newOutlook(policies, c)
	out.Dead = !finite(policies.Timeout) && c.Sends.Timeout == 0
	one := out.endures(policies, c, ModeUnreachable)
	if !out.Dead {
		hung := endure(policies, c, ModeHangs)
		out.Hung, out.Opens = &hung.Cost, hung.trips != nil
	}
	out.Recovers, _ = policies.RecoveryBound(c.Sends.Every, c.Sends.Timeout)
	if out.knows(one, policies, c) {
		// At worst the target is ready just after an attempt has failed, or just after a pause has begun.
		out.Recovers, out.Attained = max(one.longest, c.Sends.Every), !policies.Draws()
	}
	out.many(policies, c, ModeUnreachable)
	return out
}

// newOutlook is what is known of policies and caller.
func newOutlook(policies resiliency.Policies, c scenario.Service) Outlook {
	out := Outlook{
		Caller: c.Name, Target: c.Sends.To, Policies: policies.Why, Timeout: policies.Timeout, Patience: c.Sends.Timeout,
		Many: Many{Callers: severalCallers},
	}
	if c.Sends.Callers > 1 {
		out.Many.Callers = c.Sends.Callers
	}
	if b := policies.Breaker; b != nil {
		out.Open, out.Probes = &b.Timeout, b.MaxRequests
		out.Fresh = b.Interval > 0 || remembers(policies)
	}
	return out
}

// remembers tells whether a breaker's trip looks at more than the failures since the last success.
func remembers(policies resiliency.Policies) bool {
	trip := tripOf(policies)
	return trip != nil && !trip.OnlyConsecutive()
}

// endures takes what a lone caller lives through against a target that is of one mode for ever.
func (out *Outlook) endures(policies resiliency.Policies, c scenario.Service, mode string) endured {
	one := endure(policies, c, mode)
	out.Fresh = out.Fresh && (one.trips != nil || one.closed > 0 || one.Untold || one.cleared && remembers(policies))
	out.Cost, out.Trips, out.Closed = one.Cost, one.trips, one.closed
	return one
}

// knows tells whether the longest that was seen between two attempts is the longest that there is.
func (out *Outlook) knows(one endured, policies resiliency.Policies, c scenario.Service) bool {
	return one.whole && !out.Fresh && (!policies.Draws() || policies.Breaker == nil && c.Sends.Timeout == 0)
}

// finite tells whether there is a timeout that ever ends anything.
func finite(timeout *time.Duration) bool { return timeout != nil && *timeout > 0 }

// many follows several callers, in some of the ways in which that may go.
func (out *Outlook) many(policies resiliency.Policies, c scenario.Service, mode string) {
	const draws = 8
	out.Many.Recovers = out.Recovers
	b := policies.Breaker
	if b == nil {
		return
	}
	for seed := range uint64(draws) {
		e := endured{}
		e.follow(policies, c, mode, out.Many.Callers, ways{dice: rand.New(rand.NewPCG(seed, 0))})
		out.Many.GivesUp = out.Many.GivesUp || e.givesUp
		out.Many.Closed = max(out.Many.Closed, e.closed)
		out.Many.Trips = out.Many.Trips.with(e.trips)
	}
	out.Many.Fresh = (b.Interval > 0 || remembers(policies)) && (out.Many.Trips != nil || out.Many.Closed > 0)
	if out.Many.Trips != nil || out.Many.Fresh {
		out.Many.Recovers = max(out.Many.Recovers, b.Timeout+c.Sends.Every) // whoever is refused asks again `every` later
	}
	if out.Many.Trips != nil {
		out.Many.Closed = 0
		if t := out.Many.Trips; policies.Draws() && t.After.Lo != t.After.Hi {
			out.Many.Drawn = draws
		}
	}
}

// with widens by another way's opening.
func (t *Trips) with(o *Trips) *Trips {
	if t == nil || o == nil {
		return cmp.Or(t, o)
	}
	return &Trips{min(t.Failure, o.Failure), t.After.with(o.After), min(t.Order, o.Order), max(t.Latest, o.Latest)}
}
