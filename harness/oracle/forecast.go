package oracle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Window is a time within which something is due; exact where both ends are one.
type Window struct {
	Lo time.Duration `json:"lo_ns"`
	Hi time.Duration `json:"hi_ns"`
}

// with is both, and what is between them.
func (w Window) with(o Window) Window { return Window{min(w.Lo, o.Lo), max(w.Hi, o.Hi)} }

// A Forecast is the timetable that a spec implies for a plan, made without running anything. Nothing takes time in
// it but what plan and policies make wait; moments are from the load's start.
type Forecast struct {
	Format   string     `json:"format"` // halfopen-forecast/1
	Scenario string     `json:"scenario,omitempty"`
	Zero     Window     `json:"zero"` // the first fault's injection; the load's start where there is none
	Rows     []Foreseen `json:"rows"`
	Ways     int        `json:"ways"`               // in how many ways it may go, where events of one instant or jitter leave it open
	Cut      string     `json:"cut,omitempty"`      // why it does not tell all
	Outlooks []Outlook  `json:"outlooks,omitempty"` // what each caller will live through
	Bounds   []Recovery `json:"recovery,omitempty"` // by caller
}

// A Foreseen is one row of the timetable.
type Foreseen struct {
	At     Window `json:"at"`
	Kind   string `json:"kind"`             // fault | attempt | breaker | order | end
	Caller string `json:"caller,omitempty"` // the service
	ID     string `json:"id,omitempty"`     // of the order; the fault's name; the breaker's
	N      int    `json:"n,omitempty"`      // attempt: its number; order: how many attempts it took; breaker: on which failure it opens
	What   string `json:"what,omitempty"`   // order: accepted, refused, failed, given up; breaker: closed to open; fault: injected, applied, healed
	Status int    `json:"status,omitempty"` // order: what the caller is told
	May    bool   `json:"may,omitempty"`    // not in all of the ways
}

// A Recovery is when a caller's first order is accepted after the last healing, from then on.
type Recovery struct {
	Caller string `json:"caller"`
	After  Window `json:"after,omitzero"`
	Never  bool   `json:"never,omitempty"`  // not within the plan, in some way at least
	Untold bool   `json:"untold,omitempty"` // the plan may go in more ways than are followed, so that After is none
}

// mostWays bounds in how many ways a plan is followed.
const mostWays = 256

// Foresee makes the forecast of a plan. A nil spec is none at all.
func Foresee(plan scenario.Plan, spec *resiliency.Spec) Forecast { return foresee(plan, spec, 0) }

// ForeseeOutage makes the forecast of a plan that begins with its fault: the callers' first orders come at any time
// within their pause after it, since nobody knows where between two orders a fault falls. Where the fault makes a link
// slower, what is told of its caller is told of that.
func ForeseeOutage(plan scenario.Plan, spec *resiliency.Spec) Forecast {
	var phase time.Duration
	for _, c := range plan.Scenario.Callers() {
		phase = max(phase, c.Sends.Every)
	}
	f := foresee(plan, spec, phase)
	for i, c := range plan.Scenario.Callers() {
		for _, step := range plan.Scenario.Timeline {
			if at := step.Fault; at != nil && at.Kind == scenario.Latency && at.Link == c.Name+"->"+c.Sends.To {
				f.Outlooks[i] = lookAlong(spec.For(c.Name, c.Sends.To), c, at.Delay)
			}
		}
	}
	return f
}

// foresee makes the forecast of a plan whose callers send their first order within phase.
func foresee(plan scenario.Plan, spec *resiliency.Spec, phase time.Duration) Forecast {
	f := merge(func() *play { return newPlay(plan, spec, phase, false) })
	f.Scenario = plan.Scenario.Name
	for _, c := range plan.Scenario.Callers() {
		f.Outlooks = append(f.Outlooks, lookOut(spec.For(c.Name, c.Sends.To), c))
	}
	return f
}

// A rowKey tells what is the same in different ways.
type rowKey struct {
	kind, caller, id, what string
	n, again               int
}

// merge goes all ways and lays them over each other.
func merge(set func() *play) Forecast {
	f := Forecast{Format: "halfopen-forecast/1", Rows: []Foreseen{}}
	rows := map[rowKey]*Foreseen{}
	counts := map[rowKey]int{}
	bounds := map[string]*Recovery{}
	var order []rowKey
	w := ways{}
	did := 0
	for first := true; ; first = false {
		if !first && !w.again() {
			break
		}
		if f.Ways == mostWays || did > mostDone {
			f.Cut = "it may go in more ways than are followed: rows beyond the first of them are missing"
			break
		}
		p := set()
		p.ways = w
		p.run()
		did += p.did
		w = p.ways
		if p.void {
			continue
		}
		f.Ways++
		if p.why != "" {
			f.Cut = p.why
		}
		seen := map[rowKey]int{}
		for _, t := range p.told {
			k := rowKey{t.kind, t.caller, t.order, t.what, t.n, 0}
			if t.kind == "breaker" {
				k.n = 0
			}
			seen[k]++
			k.again = seen[k]
			at := t.window()
			if r := rows[k]; r != nil {
				r.At = r.At.with(at)
			} else {
				rows[k] = &Foreseen{At: at, Kind: t.kind, Caller: t.caller, ID: t.order, N: t.n, What: t.what, Status: t.status}
				order = append(order, k)
			}
			counts[k]++
		}
		p.recoveries(bounds)
	}
	for _, k := range order {
		r := *rows[k]
		r.May = counts[k] < f.Ways
		f.Rows = append(f.Rows, r)
	}
	slices.SortStableFunc(f.Rows, func(a, b Foreseen) int { return cmp.Or(cmp.Compare(a.At.Lo, b.At.Lo), cmp.Compare(a.At.Hi, b.At.Hi)) })
	for _, r := range f.Rows {
		if r.Kind == "fault" {
			f.Zero = r.At
			break
		}
	}
	for _, b := range bounds {
		if f.Cut != "" { // what is not followed may be sooner or later
			b = &Recovery{Caller: b.Caller, Untold: true}
		}
		f.Bounds = append(f.Bounds, *b)
	}
	slices.SortFunc(f.Bounds, func(a, b Recovery) int { return cmp.Compare(a.Caller, b.Caller) })
	return f
}

// recoveries widens the bounds by what one way has.
func (p *play) recoveries(bounds map[string]*Recovery) {
	var healed *moment
	took := map[string]*Window{}
	tried := map[[2]string]moment{} // orders' last attempts before the healing
	for _, t := range p.told {
		switch {
		case t.kind == "attempt" && healed == nil:
			tried[[2]string{t.caller, t.order}] = t.at
		case t.kind == "fault" && t.what == "healed":
			healed = &t.at
			clear(took)
		case t.kind == "order" && t.what == ForecastAccepted && healed != nil && took[t.caller] == nil && !strings.HasPrefix(t.order, "probe-"):
			if d := t.at.minus(*healed); d.hi > 0 {
				at := t.window()
				if last, waited := tried[[2]string{t.caller, t.order}]; waited {
					d.hi = min(d.hi, t.at.minus(last).hi)
				}
				took[t.caller] = &Window{max(0, d.lo, at.Lo-healed.window().Hi), d.hi}
			}
		}
	}
	if healed == nil {
		return
	}
	for _, s := range p.senders {
		b := bounds[s.caller]
		w := took[s.caller]
		switch {
		case b == nil && w == nil:
			bounds[s.caller] = &Recovery{Caller: s.caller, Never: true}
		case b == nil:
			bounds[s.caller] = &Recovery{Caller: s.caller, After: *w}
		case w == nil:
			b.Never = true
		default:
			b.After = b.After.with(*w)
		}
	}
}

// Follows tells whether what happened is exactly one of the ways in which a plan may go: each instant with the same
// things in it, in whatever order. Rows have exact moments here, as in memory; decided is false where there are more
// ways than could be tried, or one is not told to its end.
func Follows(plan scenario.Plan, spec *resiliency.Spec, rows []Foreseen) (follows, decided bool) {
	const most = 20_000
	w, whole := ways{}, true
	known := knownFrom(rows)
	for range most {
		p := newPlay(plan, spec, 0, true)
		p.ways = w
		p.known = known
		m := &matcher{rows: rows, many: p.many(), touched: p.touched}
		p.check = func() bool { return m.upTo(p.told, p.now.at) }
		p.run()
		if !p.void && p.ended && m.whole(p.told) {
			return true, true
		}
		whole = whole && p.why == ""
		w = p.ways
		if !w.again() {
			return false, whole
		}
	}
	return false, false
}

// many are callers whose orders can't be told apart, since several send at once.
func (p *play) many() map[string]bool {
	out := map[string]bool{}
	for _, s := range p.senders {
		out[s.caller] = s.callers > 1
	}
	return out
}

// A matcher holds what a play tells against what was seen, instant by instant.
type matcher struct {
	rows    []Foreseen // by time
	many    map[string]bool
	touched bool
	told    int // of the play's that have been matched
	seen    int
}

// upTo matches all up to an instant that is over.
func (m *matcher) upTo(told []foreseen, at time.Duration) bool {
	var want, got []Foreseen
	for ; m.told < len(told) && told[m.told].at.at <= at; m.told++ {
		t := told[m.told]
		want = append(want, m.plain(Foreseen{At: Window{t.at.at, t.at.at}, Kind: t.kind, Caller: t.caller, ID: t.order, N: t.n, What: t.what, Status: t.status}))
	}
	for ; m.seen < len(m.rows) && m.rows[m.seen].At.Lo <= at; m.seen++ {
		got = append(got, m.plain(m.rows[m.seen]))
	}
	slices.SortFunc(want, compareRows)
	slices.SortFunc(got, compareRows)
	return slices.Equal(want, got)
}

// whole matches the run's end: what happened in its last instant may not have been seen any more.
func (m *matcher) whole(told []foreseen) bool {
	last := told[len(told)-1].at.at
	return m.upTo(told, last-1) && len(m.rows) > 0 && m.rows[len(m.rows)-1].At.Lo == last
}

// plain takes away what is not compared.
func (m *matcher) plain(r Foreseen) Foreseen {
	if m.many[r.Caller] && r.Kind != "breaker" {
		r.ID = ""
	}
	if r.Kind == "breaker" {
		r.N = 0
	}
	if m.touched && r.What == ForecastRefused && r.N > 0 {
		r.What = ForecastFailed // a new sidecar may have refused it before it was seen to be there
	}
	return r
}

func compareRows(a, b Foreseen) int {
	return cmp.Or(cmp.Compare(a.At.Lo, b.At.Lo), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.N, b.N), cmp.Compare(a.What, b.What), cmp.Compare(a.Status, b.Status))
}

// knownFrom gives when faults were told to be applied and healed.
func knownFrom(rows []Foreseen) map[string]time.Duration {
	known := map[string]time.Duration{}
	for _, r := range rows {
		if r.Kind == "fault" {
			known[r.ID+" "+r.What] = r.At.Lo
		}
	}
	return known
}
