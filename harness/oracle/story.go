package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// tell gives the run's story, derived from the history: what people read first.
func tell(r *Reading) []Moment {
	var out []Moment
	add := func(m Moment) { out = append(out, m) }
	r.tellFaults(add)
	r.tellOrders(add)
	for _, b := range r.Breakers {
		r.tellBreaker(b, add)
	}
	for _, e := range r.exits {
		if e.At <= r.Ended {
			add(Moment{At: e.At, Kind: "exit", Lane: e.Service, What: describe(e)})
		}
	}
	for _, e := range r.ready {
		if e.At > r.first() {
			add(Moment{At: e.At, Kind: "ready", Lane: e.Service, What: describe(e), Outcome: "ok"})
		}
	}
	for _, s := range r.Said {
		if s.Kind == saidRetrying || s.Kind == saidRecovered {
			add(Moment{At: s.Line.At, Kind: "log", Lane: s.Line.Service + "/" + history.Sidecar, What: clip(message(s.Line.Text))})
		}
	}
	slices.SortStableFunc(out, func(a, b Moment) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(rank[a.Kind], rank[b.Kind]), cmp.Compare(a.What, b.What))
	})
	return out
}

// rank orders what happened at one instant.
var rank = map[string]int{"phase": 0, "fault": 1, "exit": 2, "ready": 3, "attempt": 4, "log": 5, "breaker": 6, "order": 7}

func (r *Reading) tellFaults(add func(Moment)) {
	for _, f := range r.Faults {
		if f.Injected == nil {
			continue
		}
		m := Moment{At: f.Injected.At, Kind: "fault", Lane: f.Target(), What: f.Fault.String(), Outcome: "failed", Until: r.Ended, ID: f.Name}
		if f.Healed != nil {
			m.Until = f.Healed.At
			add(Moment{At: f.Healed.At, Kind: "fault", Lane: f.Target(), What: f.Name + " healed", Outcome: "ok", ID: f.Name})
		}
		add(m)
	}
}

// tellOrders folds orders that passed at the first attempt, and tells the others attempt by attempt.
func (r *Reading) tellOrders(add func(Moment)) {
	var run []*Operation
	flush := func() {
		if len(run) == 0 {
			return
		}
		first, last := run[0], run[len(run)-1]
		m := Moment{
			At: first.Complete.At, Kind: "order", Lane: first.Caller, Outcome: "ok", ID: first.ID, Count: len(run), Until: last.Complete.At,
			What: fmt.Sprintf("order %s accepted", first.ID),
		}
		if len(run) > 1 {
			m.What = fmt.Sprintf("orders %s to %s accepted", first.ID, last.ID)
		}
		add(m)
		run = nil
	}
	edges := r.edges()
	for _, o := range r.Operations {
		if o.Accepted() && len(o.Attempts) == 1 && !o.Probe() {
			if len(run) > 0 && (run[0].Caller != o.Caller || crosses(edges, run[0].Start(), o.Start())) {
				flush()
			}
			run = append(run, o)
			continue
		}
		flush()
		r.tellOrder(o, add)
	}
	flush()
}

// edges are the moments at which a fault began or was healed: no run of orders is folded across them.
func (r *Reading) edges() []time.Duration {
	var out []time.Duration
	for _, f := range r.Faults {
		for _, e := range []*history.Event{f.Injected, f.Healed} {
			if e != nil {
				out = append(out, e.At)
			}
		}
	}
	return out
}

func crosses(edges []time.Duration, from, to time.Duration) bool {
	return slices.ContainsFunc(edges, func(at time.Duration) bool { return from <= at && at < to })
}

func (r *Reading) tellOrder(o *Operation, add func(Moment)) {
	var origin time.Duration
	for i, x := range o.Attempts {
		end, ended := x.End()
		if i == 0 {
			origin = end
		}
		outcome := "failed"
		switch {
		case x.OK():
			outcome = "ok"
		case !ended:
			outcome = "waiting"
		}
		what := fmt.Sprintf("attempt %d of %s at %s: %s", i+1, o.order(), offset(end-origin), x.outcome())
		add(Moment{At: x.Start(), Kind: "attempt", Lane: x.Link.Name, What: what, Outcome: outcome, ID: o.ID, N: i + 1, Until: end})
	}
	lane, at := o.Caller, o.Start()
	m := Moment{At: at, Kind: "order", Lane: lane, ID: o.ID}
	switch end, ended := o.End(); {
	case o.Accepted():
		m.At, m.Outcome = end, "ok"
		m.What = fmt.Sprintf("%s accepted after %d attempts, %s after it was sent", o.order(), len(o.Attempts), since(at, end))
	case o.refused():
		m.At, m.Outcome = end, "refused"
		m.What = fmt.Sprintf("%s refused at once, without an attempt (%d)", o.order(), o.Status())
	case o.Answered():
		m.At, m.Outcome = end, "failed"
		m.What = fmt.Sprintf("%s answered %d after %d attempts", o.order(), o.Status(), len(o.Attempts))
	case !ended:
		m.Outcome = "waiting"
		m.What = o.order() + " still waits when the run ends"
	default:
		m.At, m.Outcome = end, "failed"
		m.What = fmt.Sprintf("%s: %s", o.order(), strings.ReplaceAll(o.outcome(), "sidecar", "app"))
	}
	if o.Probe() {
		m.What += " (sent by the harness)"
	}
	add(m)
}

func offset(d time.Duration) string { return "+" + d.Round(10*time.Millisecond).String() }

func (r *Reading) tellBreaker(b *Breaker, add func(Moment)) {
	for _, t := range b.Missed {
		add(Moment{At: t.At, Kind: "breaker", Lane: b.Name(), Outcome: closed, What: fmt.Sprintf("stays closed on the %s failure, which makes its trip true", ordinal(t.N))})
	}
	for _, t := range b.Early {
		add(Moment{At: t.At, Kind: "breaker", Lane: b.Name(), Outcome: open, What: "opens, where the failures seen don't make its trip true"})
	}
	for _, t := range b.Transitions {
		m := Moment{At: t.At, Kind: "breaker", Lane: b.Name(), Outcome: t.To, What: "from " + t.String()}
		if t.From == closed {
			m.What += fmt.Sprintf(" on the %s failure", ordinal(t.N))
		}
		if t.Said == nil {
			m.What += " (by the evidence; the sidecar does not say so)"
		}
		add(m)
	}
	for _, s := range b.unmatched(r) {
		add(Moment{At: s.Line.At, Kind: "breaker", Lane: b.Name(), Outcome: s.To, What: fmt.Sprintf("from %s to %s (says the sidecar; the evidence does not)", s.From, s.To)})
	}
}
