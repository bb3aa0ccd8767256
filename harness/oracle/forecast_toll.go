package oracle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/scenario"
)

// A Toll is what a fault costs: what happens from its injection on, in figures.
type Toll struct {
	Recovery time.Duration `json:"recovery_ns"`     // from the last healing until an order is accepted again
	Never    bool          `json:"never,omitempty"` // no order is, within the plan
	Hang     time.Duration `json:"hang_ns"`         // the longest that a caller waited for its answer
	Attempts int           `json:"attempts"`        // the most that one order cost
	Orders   int           `json:"orders"`          // sendings that began, or were refused at once
	Crossed  int           `json:"crossed"`         // attempts
	Opened   int           `json:"opened"`          // how often a breaker went from closed to open
	Opens    time.Duration `json:"opens_ns"`        // how long after the injection it did so first; 0 where it never does
	GivenUp  int           `json:"given_up"`        // orders that the open breaker refused after one attempt at least
	Refused  int           `json:"refused"`         // orders refused at once
	Failed   int           `json:"failed"`          // orders whose caller was told a failure after the last attempt
	Left     int           `json:"left"`            // orders whose caller was gone before
	Cut      string        `json:"cut,omitempty"`   // why not all of it is told
	Ways     int           `json:"ways,omitempty"`  // in how many ways it may go, where all were followed
}

// Amplification is how many attempts an order costs on average.
func (t Toll) Amplification() float64 {
	if t.Orders == 0 {
		return 0
	}
	return float64(t.Crossed) / float64(t.Orders)
}

// A tolling adds a toll up. Where moments are not exact, least and most differ.
type tolling struct {
	least, most Toll
	injected    *moment
	healed      *moment
	recovered   bool
	first       moment // the injection, and the healing: kept here, so that nothing is allocated for them
	last        moment
	end         moment               // the recovery
	tried       map[[2]string]moment // orders' last attempts before the healing, where moments are not exact
}

func (t *tolling) add(f foreseen) {
	switch f.kind {
	case "fault":
		t.fault(f)
	case "attempt":
		if t.healed == nil && f.at.open != nil {
			if t.tried == nil {
				t.tried = map[[2]string]moment{}
			}
			t.tried[[2]string{f.caller, f.order}] = f.at
		}
		if t.counts(f) {
			t.both(func(s *Toll) {
				s.Crossed++
				if f.n == 1 {
					s.Orders++
				}
			})
		}
	case "breaker":
		if t.counts(f) && f.what == closed+" to "+open {
			if t.most.Opened == 0 {
				w := f.at.minus(*t.injected)
				t.least.Opens, t.most.Opens = max(0, w.lo), w.hi
			}
			t.both(func(s *Toll) { s.Opened++ })
		}
	case "order":
		t.order(f)
	}
}

// counts tells whether it happens between the injection and the recovery. What happens in the instant of the recovery
// does too, since it has no order.
func (t *tolling) counts(f foreseen) bool {
	return t.injected != nil && (!t.recovered || f.at.minus(t.end) == window{})
}

func (t *tolling) both(do func(*Toll)) {
	do(&t.least)
	do(&t.most)
}

func (t *tolling) fault(f foreseen) {
	switch f.what {
	case "injected":
		if t.injected == nil {
			t.first, t.injected = f.at, &t.first
		}
	case "healed":
		t.last, t.healed, t.recovered = f.at, &t.last, false
	}
}

func (t *tolling) order(f foreseen) {
	if !t.counts(f) || strings.HasPrefix(f.order, "probe-") {
		return
	}
	hang := f.at.minus(f.began)
	t.least.Hang, t.most.Hang = max(t.least.Hang, hang.lo), max(t.most.Hang, hang.hi)
	t.both(func(s *Toll) {
		s.Attempts = max(s.Attempts, f.n)
		switch {
		case f.what == ForecastRefused && f.n == 0:
			s.Orders++
			s.Refused++
		case f.what == ForecastRefused:
			s.GivenUp++
		case f.what == ForecastFailed:
			s.Failed++
			if f.n == 0 { // its sidecar was not there
				s.Orders++
			}
		case f.what == ForecastLeft:
			s.Left++
		}
	})
	if f.what != ForecastAccepted || t.healed == nil {
		return
	}
	if d := f.at.minus(*t.healed); d.hi > 0 && !t.recovered {
		t.recovered, t.end = true, f.at
		if last, waited := t.tried[[2]string{f.caller, f.order}]; waited {
			d.hi = min(d.hi, f.at.minus(last).hi)
		}
		t.least.Recovery, t.most.Recovery = max(0, d.lo), d.hi
	}
}

// sum ends it.
func (t *tolling) sum() (least, most Toll) {
	t.both(func(s *Toll) { s.Never = t.healed != nil && !t.recovered })
	return t.least, t.most
}

// merge widens by another way's.
func (t *tolling) merge(least, most Toll) {
	if t.most.Ways == 0 {
		t.least, t.most = least, most
		return
	}
	t.least, t.most = least.with(t.least, minimum, minimum), most.with(t.most, maximum, maximum)
}

func minimum(a, b int64) int64 { return min(a, b) }
func maximum(a, b int64) int64 { return max(a, b) }

// with joins two tolls, figure by figure.
func (t Toll) with(o Toll, span, number func(a, b int64) int64) Toll {
	for _, d := range [][2]*time.Duration{{&t.Recovery, &o.Recovery}, {&t.Hang, &o.Hang}, {&t.Opens, &o.Opens}} {
		*d[0] = time.Duration(span(int64(*d[0]), int64(*d[1])))
	}
	for _, n := range [][2]*int{
		{&t.Attempts, &o.Attempts}, {&t.Orders, &o.Orders}, {&t.Crossed, &o.Crossed}, {&t.Opened, &o.Opened},
		{&t.GivenUp, &o.GivenUp}, {&t.Refused, &o.Refused}, {&t.Failed, &o.Failed}, {&t.Left, &o.Left},
	} {
		*n[0] = int(number(int64(*n[0]), int64(*n[1])))
	}
	t.Never = t.Never || o.Never
	t.Cut = cmp.Or(t.Cut, o.Cut)
	t.Ways = o.Ways
	return t
}

// Within tells whether no figure is more than another toll's.
func (t Toll) Within(o Toll) bool {
	most := t.with(o, maximum, maximum)
	most.Ways, most.Cut, most.Never = o.Ways, o.Cut, o.Never
	return most == o
}

// TollOf adds up what was seen in a run of a plan, as [Observe] gives it: moments are exact in it. A fault that heals
// itself is healed when its time is over since its injection, as in a forecast; that it is told to be later, since ending
// a part takes a while, and so does finding it ready.
func TollOf(plan scenario.Plan, rows []Foreseen) Toll {
	t := tolling{}
	lasts := map[string]time.Duration{}
	for _, s := range plan.Scenario.Timeline {
		if s.Fault != nil {
			lasts[s.Fault.Name] = s.Fault.For
		}
	}
	began := map[[2]string]time.Duration{}
	// What ends and what begins at one instant: an order's end comes after its attempts.
	rows = slices.Clone(rows)
	injected := map[string]time.Duration{}
	for i := range rows {
		switch r := &rows[i]; {
		case r.Kind == "fault" && r.What == "injected":
			injected[r.ID] = r.At.Lo
		case r.Kind == "fault" && r.What == "healed" && lasts[r.ID] > 0:
			r.At.Lo = min(r.At.Lo, injected[r.ID]+lasts[r.ID])
		}
	}
	slices.SortStableFunc(rows, func(a, b Foreseen) int {
		return cmp.Or(cmp.Compare(a.At.Lo, b.At.Lo), cmp.Compare(boolInt(a.Kind == "order"), boolInt(b.Kind == "order")))
	})
	for _, r := range rows {
		f := foreseen{at: moment{at: r.At.Lo}, kind: r.Kind, caller: r.Caller, order: r.ID, n: r.N, what: r.What, began: moment{at: r.At.Lo}}
		key := [2]string{r.Caller, r.ID}
		switch {
		case r.Kind == "attempt" && r.N == 1:
			began[key] = r.At.Lo
		case r.Kind == "order" && r.N > 0:
			f.began.at = began[key]
		}
		t.add(f)
	}
	_, most := t.sum()
	return most
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
