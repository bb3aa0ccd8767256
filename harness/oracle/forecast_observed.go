package oracle

import (
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// Observe gives what happened in a run as rows of a timetable, from the load's start on, to be laid beside its
// forecast.
func Observe(c Case) []Foreseen {
	rows, err := guarded(func() []Foreseen { return read(c).observed() })
	if err != nil {
		return nil
	}
	return rows
}

func (r *Reading) observed() []Foreseen {
	var out []Foreseen
	add := func(at time.Duration, f Foreseen) {
		f.At = Window{at - r.Began, at - r.Began}
		out = append(out, f)
	}
	for _, f := range r.Faults {
		for _, e := range []*history.Event{f.Injected, f.Applied, f.Healed} {
			if e != nil {
				add(e.At, Foreseen{Kind: "fault", ID: f.Name, What: e.Text})
			}
		}
	}
	for _, o := range r.Operations {
		for i, x := range o.Attempts {
			add(x.Start(), Foreseen{Kind: "attempt", Caller: o.Caller, ID: o.ID, N: i + 1})
		}
		end, ended := o.End()
		if !ended {
			continue
		}
		f := Foreseen{Kind: "order", Caller: o.Caller, ID: o.ID, N: len(o.Attempts), Status: o.Status(), What: ForecastFailed}
		switch {
		case o.Accepted():
			f.What = ForecastAccepted
		case o.refused() || o.mayBeRefused && o.Answered():
			f.What = ForecastRefused
		case o.gaveUp():
			f.What = ForecastLeft
		}
		add(end, f)
	}
	for _, b := range r.Breakers {
		for _, t := range b.Transitions {
			add(t.At, Foreseen{Kind: "breaker", Caller: b.Caller, ID: b.Name(), N: t.N, What: t.String()})
		}
	}
	add(r.Ended, Foreseen{Kind: "end"})
	slices.SortStableFunc(out, func(a, b Foreseen) int { return int(a.At.Lo - b.At.Lo) })
	return out
}
