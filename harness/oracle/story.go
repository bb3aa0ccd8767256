package oracle

import (
	"cmp"
	"fmt"
	"slices"

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
	r.tellLines(add)
	slices.SortStableFunc(out, func(a, b Moment) int {
		if order := cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(rank[a.Kind], rank[b.Kind])); order != 0 || a.Kind == "breaker" {
			return order // a breaker's transitions stand in their order already
		}
		return cmp.Compare(a.What, b.What)
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
		m := Moment{At: f.Injected.At, Kind: "fault", Lane: f.Target(), What: f.String(), Outcome: "failed", Until: r.Ended, ID: f.Name}
		if f.Healed != nil {
			m.Until = f.Healed.At
			add(Moment{At: f.Healed.At, Kind: "fault", Lane: f.Target(), What: f.Name + " healed", Outcome: "ok", ID: f.Name})
		}
		add(m)
	}
}

// tellLines tells what sidecars say of retries.
func (r *Reading) tellLines(add func(Moment)) {
	told := 0
	for _, s := range r.Said {
		if s.Kind != saidRetrying && s.Kind != saidRecovered {
			continue
		}
		if told++; told <= mostTold {
			add(Moment{At: s.Line.At, Kind: "log", Lane: s.Line.Service + "/" + history.Sidecar, What: clip(message(s.Line.Text))})
		}
	}
}

// mostTold bounds how many changes of one breaker, and how many troubled orders, are told one by one.
const mostTold = 40

// tellBreaker tells the changes of a breaker, and what it did not do or only said.
func (r *Reading) tellBreaker(b *Breaker, add func(Moment)) {
	for i, t := range b.Transitions {
		if i == mostTold && len(b.Transitions) > mostTold+1 {
			last := b.Transitions[len(b.Transitions)-1]
			add(Moment{
				At: t.At, Kind: "breaker", Lane: b.Name(), Outcome: last.To, Count: len(b.Transitions) - i, Until: last.At,
				What: fmt.Sprintf("%d more changes, the last one from %s", len(b.Transitions)-i, last),
			})
			break
		}
		m := Moment{At: t.At, Kind: "breaker", Lane: b.Name(), Outcome: t.To, What: "from " + t.String()}
		if t.From == closed {
			m.What += fmt.Sprintf(" on the %s failure", ordinal(t.N))
		}
		switch {
		case t.By == nil:
			m.What += " (says the sidecar, and the evidence does not make it so)"
		case t.Said == nil:
			m.What += " (by the evidence; the sidecar does not say so)"
		}
		add(m)
	}
	for _, d := range b.Deviations[:min(len(b.Deviations), mostTold)] {
		switch d.kind {
		case missed:
			what := fmt.Sprintf("stays %s, though it is due to go from %s", d.t.From, d.t)
			if d.t.From == closed {
				what = fmt.Sprintf("stays closed on the %s failure, which makes its trip true", ordinal(d.t.N))
			}
			add(Moment{At: d.t.At, Kind: "breaker", Lane: b.Name(), Outcome: d.t.From, What: what})
		case idle:
			add(Moment{
				At: d.said.Line.At, Kind: "log", Lane: d.said.Line.Service + "/" + history.Sidecar,
				What: clip(message(d.said.Line.Text)) + " (the evidence does not show it)",
			})
		}
	}
}
