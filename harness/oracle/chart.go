package oracle

import (
	"cmp"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Chart is what a picture of a run is drawn from: every order, attempt and delivery, unfolded, each with the event
// that it begins with. Moments are on the run's clock.
type Chart struct {
	Began    time.Duration // when the load was started
	Ended    time.Duration // when the teardown began
	Faults   []Shade
	Lanes    []Lane
	Breakers []Band
	Away     []Band // parts of services that were gone for a while
}

// A Ref names an event of the history by its source and its number within it.
type Ref struct {
	Source string
	Seq    uint64
}

// A Shade is a fault, from its injection to its healing, or to the run's end.
type Shade struct {
	Name, What, Target string
	From, To           time.Duration
	Event              Ref
}

// A Lane holds what happened at one place, in the order of time.
type Lane struct {
	Kind  string // order | attempt | delivery
	Name  string // the caller of orders; the link of the others
	Marks []Mark
}

// A Mark is one order, attempt or delivery.
type Mark struct {
	From, To time.Duration
	Outcome  string // ok | failed | refused | waiting
	ID       string // the order's
	N        int    // attempt: its number within the operation; order: how many attempts it took
	Status   int    // of the answer; 0 for none
	How      string // in words, where it isn't an answer
	Event    Ref
}

// A Band is a state that lasts until the next one.
type Band struct {
	Lane   string // the breaker's name, or the part's
	Caller string // of a breaker: whose sidecar it is in
	States []State
}

// A State begins at a moment.
type State struct {
	At    time.Duration
	State string // closed | open | half-open; away | ready
	N     int    // closed to open: on which failure
	Event Ref
}

// Draw gives the chart of a case. It is pure and never panics: where a history can't be read as a run there is
// nothing to draw.
func Draw(c Case) Chart {
	if c.History == nil {
		return Chart{}
	}
	out, err := guarded(func() Chart { return read(c).chart() })
	if err != nil {
		return Chart{}
	}
	return out
}

func (r *Reading) chart() Chart {
	c := Chart{Began: r.Began, Ended: r.Ended}
	for _, f := range r.Faults {
		if f.Injected == nil {
			continue
		}
		s := Shade{Name: f.Name, What: f.String(), Target: f.Target(), From: f.Injected.At, To: r.Ended, Event: ref(f.Injected)}
		if f.Healed != nil {
			s.To = f.Healed.At
		}
		c.Faults = append(c.Faults, s)
	}
	c.Lanes = r.lanes()
	for _, b := range r.Breakers {
		band := Band{Lane: b.Name(), Caller: b.Caller, States: []State{{At: r.Began, State: closed}}}
		for _, t := range b.Transitions {
			s := State{At: t.At, State: t.To, N: t.N}
			switch {
			case t.By != nil && t.To == halfOpen:
				s.Event = ref(t.By.Request)
			case t.By != nil:
				s.Event = ref(t.By.last())
			case t.Said != nil:
				s.Event = ref(t.Said.Line)
			}
			band.States = append(band.States, s)
		}
		c.Breakers = append(c.Breakers, band)
	}
	c.Away = r.gone()
	return c
}

func ref(e *history.Event) Ref { return Ref{e.Source, e.Seq} }

// hopOf is the hop on which each kind of lane is seen.
var hopOf = map[string]string{"order": scenario.HopToSidecar, "attempt": scenario.HopToPeer, "delivery": scenario.HopToApp}

// lanes gives orders by caller, attempts by link and deliveries by app, in the order of the plan's links.
func (r *Reading) lanes() []Lane {
	orders, attempts := map[string][]Mark{}, map[string][]Mark{}
	for _, o := range r.Operations {
		m := o.mark(r.Ended)
		m.N = len(o.Attempts)
		switch {
		case o.Accepted():
			m.Outcome = "ok"
		case o.refused():
			m.Outcome, m.How = "refused", "refused at once"
		case m.Outcome == "ok": // an answer in the 300s accepts no order
			m.Outcome = "failed"
		}
		orders[o.Link.Name] = append(orders[o.Link.Name], m)
		for i, x := range o.Attempts {
			m := x.mark(r.Ended)
			m.N = i + 1
			attempts[x.Link.Name] = append(attempts[x.Link.Name], m)
		}
	}
	for _, x := range slices.Concat(r.Orphans, r.Unattributed) {
		attempts[x.Link.Name] = append(attempts[x.Link.Name], x.mark(r.Ended))
	}
	for _, x := range r.Deliveries {
		attempts[x.Link.Name] = append(attempts[x.Link.Name], x.mark(r.Ended))
	}
	var out []Lane
	for _, kind := range []string{"order", "attempt", "delivery"} {
		for _, l := range r.Plan.Links {
			lane := Lane{Kind: kind, Name: l.Name, Marks: attempts[l.Name]}
			switch {
			case hopOf[kind] != l.Hop:
				continue
			case kind == "order":
				lane.Name, lane.Marks = l.From, orders[l.Name]
			}
			slices.SortStableFunc(lane.Marks, func(a, b Mark) int { return cmp.Compare(a.From, b.From) })
			out = append(out, lane)
		}
	}
	return out
}

// mark draws an exchange; one without an end lasts until the run's.
func (x *Exchange) mark(ended time.Duration) Mark {
	m := Mark{From: x.Start(), To: ended, ID: x.ID, Status: x.Status(), Outcome: "waiting", Event: ref(x.Request)}
	end, over := x.End()
	switch {
	case !over:
		m.How = "waiting when the run ends"
	case x.OK():
		m.To, m.Outcome = end, "ok"
	default:
		m.To, m.Outcome = end, "failed"
	}
	m.To = max(m.From, m.To)
	if !x.Answered() && over {
		m.How = x.outcome()
	}
	return m
}

// gone gives the parts that ended during the run, with their ends and readiness.
func (r *Reading) gone() []Band {
	var out []Band
	for _, e := range r.comings {
		if e.At > r.Ended {
			continue
		}
		name := e.Service + "/" + e.Part
		i := slices.IndexFunc(out, func(b Band) bool { return b.Lane == name })
		switch {
		case i < 0 && e.Kind == history.KindReady:
			continue
		case i < 0:
			out = append(out, Band{Lane: name})
			i = len(out) - 1
		}
		state := "away"
		if e.Kind == history.KindReady {
			state = "ready"
		}
		out[i].States = append(out[i].States, State{At: e.At, State: state, Event: ref(e)})
	}
	return out
}
