package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// A fold is orders of one caller, told as one.
type fold struct {
	first, last *Operation
	hows        []string       // what became of them, in the order of its first time
	counts      map[string]int // how often
}

const accepted = "accepted"

// tellOrders folds orders that passed at the first attempt, and tells the others attempt by attempt, for as long
// as a reader may follow; then it folds them all.
func (r *Reading) tellOrders(add func(Moment)) {
	edges := r.edges()
	folds := map[string]*fold{} // by caller
	flush := func(caller string) {
		if f := folds[caller]; f != nil {
			add(f.moment())
			delete(folds, caller)
		}
	}
	var callers []string
	troubled := 0
	for _, o := range r.Operations {
		if !slices.Contains(callers, o.Caller) {
			callers = append(callers, o.Caller)
		}
		how := o.fared()
		if how != accepted {
			troubled++
		}
		if o.Probe() || (how != accepted && troubled <= mostTold) {
			flush(o.Caller)
			r.tellOrder(o, add)
			continue
		}
		if f := folds[o.Caller]; f != nil && crosses(edges, f.first.Start(), o.Start()) {
			flush(o.Caller)
		}
		f := folds[o.Caller]
		if f == nil {
			f = &fold{first: o, counts: map[string]int{}}
			folds[o.Caller] = f
		}
		f.add(o, how)
	}
	for _, c := range callers {
		flush(c)
	}
}

func (f *fold) add(o *Operation, how string) {
	f.last = o
	if f.counts[how] == 0 {
		f.hows = append(f.hows, how)
	}
	f.counts[how]++
}

func (f *fold) moment() Moment {
	at := func(o *Operation) time.Duration {
		if end, ended := o.End(); ended {
			return end
		}
		return o.Start()
	}
	m := Moment{At: at(f.first), Kind: "order", Lane: f.first.Caller, Outcome: "failed", ID: f.first.ID, Until: at(f.last)}
	var parts []string
	for _, how := range f.hows {
		m.Count += f.counts[how]
		parts = append(parts, fmt.Sprintf("%d %s", f.counts[how], how))
		if strings.HasPrefix(how, accepted) {
			m.Outcome = "ok"
		}
	}
	switch {
	case m.Count == 1:
		m.What = fmt.Sprintf("%s %s", f.first.order(), f.hows[0])
	case f.first.ID == "" || f.last.ID == "":
		m.What = fmt.Sprintf("%d requests: %s", m.Count, strings.Join(parts, ", "))
	case len(f.hows) == 1 && f.hows[0] == accepted:
		m.What = fmt.Sprintf("orders %s to %s accepted", f.first.ID, f.last.ID)
	default:
		m.What = fmt.Sprintf("orders %s to %s: %s", f.first.ID, f.last.ID, strings.Join(parts, ", "))
	}
	return m
}

// fared says in a few words, alike for operations that fared alike, what became of one.
func (o *Operation) fared() string {
	switch _, ended := o.End(); {
	case o.Accepted() && len(o.Attempts) == 1:
		return accepted
	case o.Accepted():
		return accepted + " after retries"
	case o.refused():
		return fmt.Sprintf("refused at once (%d)", o.Status())
	case o.Answered():
		return fmt.Sprintf("answered %d", o.Status())
	case !ended:
		return "still waiting when the run ends"
	}
	return "left unanswered"
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

// mostAttempts bounds how many attempts of an order are told one by one.
const mostAttempts = 25

func (r *Reading) tellOrder(o *Operation, add func(Moment)) {
	n := len(o.Attempts)
	for i, x := range o.Attempts {
		if n > mostAttempts && i >= mostAttempts-5 && i < n-5 {
			if i == mostAttempts-5 {
				add(Moment{
					At: x.Start(), Kind: "attempt", Lane: x.Link.Name, ID: o.ID, N: i + 1, Count: n - mostAttempts, Outcome: "failed",
					Until: o.Attempts[n-6].Start(), What: fmt.Sprintf("attempts %d to %d of %s", i+1, n-5, o.order()),
				})
			}
			continue
		}
		r.tellAttempt(o, i, add)
	}
	m := Moment{At: o.Start(), Kind: "order", Lane: o.Caller, ID: o.ID}
	switch end, ended := o.End(); {
	case o.Accepted():
		m.At, m.Outcome = end, "ok"
		m.What = fmt.Sprintf("%s accepted after %s, %s after it was sent", o.order(), attempts(n), since(o.Start(), end))
	case o.refused():
		m.At, m.Outcome = end, "refused"
		m.What = fmt.Sprintf("%s refused at once, without an attempt (%d)", o.order(), o.Status())
	case o.Answered():
		m.At, m.Outcome = end, "failed"
		m.What = fmt.Sprintf("%s answered %d after %s", o.order(), o.Status(), attempts(n))
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

// tellAttempt tells one, by how long after the first one it began.
func (r *Reading) tellAttempt(o *Operation, i int, add func(Moment)) {
	x := o.Attempts[i]
	end, ended := x.End()
	m := Moment{At: x.Start(), Kind: "attempt", Lane: x.Link.Name, ID: o.ID, N: i + 1, Until: end, Outcome: "failed"}
	switch {
	case x.OK():
		m.Outcome = "ok"
	case !ended:
		m.Outcome = "waiting"
	}
	m.What = fmt.Sprintf("attempt %d of %s at %s: %s", i+1, o.order(), offset(x.Start()-o.Attempts[0].Start()), x.outcome())
	if long := end - x.Start(); ended && long >= time.Second {
		m.What += " after " + since(x.Start(), end)
	}
	add(m)
}

func offset(d time.Duration) string { return "+" + d.Round(10*time.Millisecond).String() }
