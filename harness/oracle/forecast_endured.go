package oracle

import (
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Cost is what becomes of an order whose target never answers it.
type Cost struct {
	Fewest   int     `json:"fewest_attempts"`   // that it costs
	Attempts int     `json:"attempts"`          // at most; 0 for without end, or where that is not known
	Hangs    *Window `json:"hangs,omitempty"`   // how long it takes until its caller is told; null likewise
	Refused  bool    `json:"refused,omitempty"` // what ends it may be the breaker's refusal
	Left     bool    `json:"left,omitempty"`    // or the caller's own patience
	Failed   bool    `json:"failed,omitempty"`  // or that retries run out
	Beyond   int     `json:"beyond,omitempty"`  // attempts that it goes on beyond, and was not followed beyond
	Untold   bool    `json:"untold,omitempty"`  // it may go in more ways than are followed
}

// ended widens it by one way's end.
func (c *Cost) ended(n int, hangs Window) {
	if c.Hangs == nil {
		c.Fewest, c.Attempts, c.Hangs = n, n, &hangs
		return
	}
	both := c.Hangs.with(hangs)
	c.Fewest, c.Attempts, c.Hangs = min(c.Fewest, n), max(c.Attempts, n), &both
}

// endless tells whether it never ends by itself.
func (c Cost) endless() bool { return c.Hangs == nil && c.Beyond == 0 && !c.Untold }

// An endured outage is what callers made of it.
type endured struct {
	Cost
	trips    *Trips
	closed   int           // attempts after which the breaker is still closed, where that is not known to be for ever
	cleared  bool          // it is for ever, because its counts are cleared in time
	longest  time.Duration // between an attempt and the next one, over all callers
	whole    bool          // longest is of all that may come
	givesUp  bool
	openings int
	orders   int
	crossed  int
	first    moment // the first attempt
	last     moment
}

// mostEndured bounds attempts that are followed one by one, and mostReckoned those that are reckoned.
const (
	mostEndured  = 2000
	mostReckoned = 100_000
)

// endure has a lone caller send to a target that is of one mode for ever.
func endure(policies resiliency.Policies, c scenario.Service, mode string) (e endured) {
	if policies.Breaker == nil && c.Sends.Timeout == 0 {
		e.reckon(policies, mode)
		e.whole = true
		return e
	}
	w, did := ways{}, 0
	for n := 0; n == 0 || w.again(); n++ {
		if n == mostWays || did > mostDone {
			return endured{Cost: Cost{Untold: true}, closed: e.crossed}
		}
		way := endured{}
		w, did = way.follow(policies, c, mode, 1, w), did+way.crossed
		if n == 0 {
			e = way
			continue
		}
		e.join(way)
	}
	return e
}

// join widens by another way.
func (e *endured) join(o endured) {
	switch {
	case o.crossed == 0: // it can't be gone
		return
	case e.endless() || o.endless():
		e.Attempts, e.Hangs = 0, nil
	case o.Hangs != nil:
		e.ended(o.Fewest, *o.Hangs)
	}
	e.Refused, e.Left, e.Failed = e.Refused || o.Refused, e.Left || o.Left, e.Failed || o.Failed
	e.Beyond, e.closed = max(e.Beyond, o.Beyond), max(e.closed, o.closed)
	e.trips = e.trips.with(o.trips)
	e.cleared = e.cleared || o.cleared
	e.givesUp, e.longest = e.givesUp || o.givesUp, max(e.longest, o.longest)
	e.whole = e.whole && o.whole
}

// reckon tells what an order costs that nothing but its retries ends: the fewest attempts lie along the longest gaps, the
// most along the shortest.
func (e *endured) reckon(policies resiliency.Policies, mode string) {
	one := try{fewest: 1, most: 1}
	if mode == ModeHangs {
		one.takes = Window{*policies.Timeout, *policies.Timeout}
	} else if policies.Builtin != nil {
		one = tryOf(policies)
	}
	e.Failed = true
	e.round(policies.Retry, one)
	e.longest = max(e.longest, one.pause)
	if e.Hangs != nil {
		e.Fewest, e.Attempts = e.Fewest*one.fewest, e.Attempts*one.most
	}
}

// A try is what one try of the policy comes to: an attempt, with the built-in retries of it.
type try struct {
	fewest, most int    // attempts
	takes        Window // all of it
	pause, left  time.Duration
	// pause is the longest one in it, and left what lies behind its last attempt, at most
}

// tryOf is a try that finds nobody: all of the built-in retries, or as many as the timeout lets it have.
func tryOf(policies resiliency.Policies) try {
	b := policies.Builtin
	out := try{fewest: 1, most: 1}
	end, limited := time.Duration(forever), finite(policies.Timeout)
	if limited {
		end = *policies.Timeout
	}
	cut := false
	for i := 1; i <= min(b.MaxRetries, mostReckoned); i++ {
		lo, hi := b.Gap(i)
		if b.Policy == resiliency.Exponential && out.takes.Lo > resiliency.MaxElapsed-lo {
			break
		}
		if out.takes.Lo > end-lo {
			cut = true
			break
		}
		if out.most++; out.takes.Hi <= end-hi {
			out.fewest++
		} else {
			cut = true
		}
		out.pause = max(out.pause, hi)
		out.takes = Window{out.takes.Lo + lo, out.takes.Hi + min(hi, end-out.takes.Hi)}
	}
	if cut && limited {
		out.left = end - out.takes.Lo
		if out.takes.Lo == out.takes.Hi {
			out.takes.Lo = end
		}
		out.takes.Hi = end
	}
	return out
}

// round does so for one policy, of tries that are alike.
func (e *endured) round(r *resiliency.Retry, one try) {
	takes := one.takes
	over := takes // the n-th try is
	if r == nil {
		e.ended(1, over)
		return
	}
	if r.Policy != resiliency.Exponential {
		e.longest = one.left + min(r.Duration, forever-one.left)
		if r.MaxRetries == resiliency.Forever {
			return
		}
		e.ended(r.MaxRetries+1, Window{series(takes.Lo, r.Duration, r.MaxRetries), series(takes.Hi, r.Duration, r.MaxRetries)})
		return
	}
	for n := 1; n <= mostReckoned; n++ {
		shortest, longest := r.Gap(n)
		if r.MaxRetries != resiliency.Forever && n > r.MaxRetries {
			e.ended(n, over)
			return
		}
		if over.Hi+longest > resiliency.MaxElapsed {
			e.ended(n, Window{max(over.Lo, resiliency.MaxElapsed-longest), over.Hi})
		}
		if over.Lo+shortest > resiliency.MaxElapsed {
			return
		}
		e.longest = max(e.longest, one.left+longest)
		over = Window{over.Lo + shortest + takes.Lo, min(over.Hi+longest, resiliency.MaxElapsed) + takes.Hi}
	}
	e.Beyond = mostReckoned
}

// series is how long it takes to try once, and so many times again after a gap; at most for ever.
func series(takes, gap time.Duration, again int) time.Duration {
	all := time.Duration(forever)
	if each := takes + min(gap, all-takes); each == 0 || time.Duration(again) < (all-takes)/each {
		return takes + time.Duration(again)*each
	}
	return all
}

// follow has callers send to a target that is of one mode for ever, in one of the ways in which that may go.
func (e *endured) follow(policies resiliency.Policies, c scenario.Service, mode string, callers int, w ways) ways {
	p := &play{scene: newScene(), fuses: map[breakerKey]*fuse{}, ways: w}
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
	for range 5 * mostEndured {
		h := p.pick()
		if h == nil || e.crossed >= mostEndured || e.enough(policies, callers) {
			break
		}
		p.cancel(h)
		p.now = h.at
		if !h.at.possible() {
			*e = endured{}
			return p.ways
		}
		h.do(h.at)
		e.read(p.told, endsBy(policies, mode))
		p.told = p.told[:0]
	}
	e.conclude(policies, c.Sends.Timeout, callers, p.now.at)
	return p.ways
}

// endsBy is when an order has ended in any case. Gaps that are drawn are not known one by one to fit into the 15 minutes of
// an exponential retry together, so that their sum is bounded here: the last attempt begins within them.
func endsBy(policies resiliency.Policies, mode string) time.Duration {
	r, b := policies.Retry, policies.Builtin
	switch {
	case r == nil || r.Policy != resiliency.Exponential:
		return forever
	case mode == ModeUnreachable && b != nil:
		return resiliency.MaxElapsed + min(tryOf(policies).takes.Hi, forever-resiliency.MaxElapsed)
	case mode == ModeUnreachable:
		return resiliency.MaxElapsed
	case finite(policies.Timeout) && *policies.Timeout < forever-resiliency.MaxElapsed:
		return resiliency.MaxElapsed + *policies.Timeout
	}
	return forever
}

// cycles are openings after which the next ones are like the last.
const cycles = 3

// enough tells whether what comes next has come before: an order without an end, or one opening after the other.
func (e *endured) enough(policies resiliency.Policies, callers int) bool {
	const sample = 200
	switch {
	case policies.Breaker != nil && e.openings < cycles && !(e.trips != nil && policies.Draws()):
		return false
	case policies.Draws() && callers == 1: // what is longest is not asked
		return e.orders > 0
	}
	return e.crossed > sample
}

// conclude says what is known when a way is not followed any further.
func (e *endured) conclude(policies resiliency.Policies, patience time.Duration, callers int, since time.Duration) {
	r, b := policies.Retry, policies.Breaker
	steady := r != nil && r.Policy != resiliency.Exponential && r.MaxRetries == resiliency.Forever && patience == 0
	never := b == nil
	if b != nil && e.trips == nil {
		const windows = 3 // one is like the other
		t := tripOf(policies)
		never = t == nil || !slices.ContainsFunc(resiliency.Variables(), t.Uses)
		e.cleared = !never && steady && callers == 1 && b.Interval > 0 && since > windows*b.Interval
		never = never || e.cleared
		if !never {
			e.closed = e.crossed
		}
	}
	if e.orders == 0 && !(steady && (never || e.openings > 1)) {
		e.Beyond = e.crossed
	}
	e.whole = never || e.openings >= cycles || e.endless()
}

// tripOf compiles a breaker's condition; nil where there is none, or one with which no spec loads.
func tripOf(policies resiliency.Policies) *trip {
	if policies.Breaker == nil {
		return nil
	}
	return trips{}.of(policies.Breaker.Trip)
}

// read takes what callers live through from what is told.
func (e *endured) read(told []foreseen, endsBy time.Duration) {
	for _, t := range told {
		switch t.kind {
		case "attempt":
			if e.crossed++; e.crossed > 1 {
				e.longest = max(e.longest, t.at.minus(e.last).hi)
			} else {
				e.first = t.at
			}
			e.last = t.at
		case "breaker":
			if t.what == closed+" to "+open && e.trips == nil {
				after := t.at.minus(e.first)
				e.trips = &Trips{Failure: t.n, After: Window{after.lo, after.hi}, Order: e.orders + 1, Latest: e.orders + 1}
			}
			if strings.HasSuffix(t.what, " to "+open) {
				e.openings++
			}
		case "order":
			if e.orders++; e.orders == 1 {
				hangs := t.at.minus(t.began)
				e.ended(t.n, Window{hangs.lo, min(hangs.hi, endsBy)})
				e.Refused, e.Left, e.Failed = t.what == ForecastRefused, t.what == ForecastLeft, t.what == ForecastFailed
			}
			e.givesUp = e.givesUp || t.what == ForecastRefused && t.n > 0
		}
	}
}
