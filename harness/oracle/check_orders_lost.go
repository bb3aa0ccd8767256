package oracle

import (
	"fmt"
	"strconv"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// ordersLost: passed and received are judged at the taps, not by what apps print.
var ordersLost = Check{
	Name: "orders-lost",
	Doc:  "each accepted order was delivered to the app before its answer, and no order that was sent was given up",
	Run: func(r *Reading) Result {
		if !r.Loaded {
			return notHere("the load was never started")
		}
		delivered := make([]deliveries, r.carried)
		for _, x := range r.Deliveries {
			if x.OK() {
				delivered[x.carries].add(x)
			}
		}
		var t tally
		t.each(r.Operations, func(o *Operation) {
			if !o.Accepted() || !r.watched(o.Target) {
				return
			}
			t.examined++
			got := delivered[o.carries]
			if got.n == 0 || got.first > o.end {
				what := fmt.Sprintf("%s was accepted, and never delivered to %s", o.order(), o.Target)
				if got.fault != "" {
					what += ": " + got.fault + " answered in its place"
				}
				t.find(Finding{
					What: what,
					Want: "a delivery before the answer", Got: fmt.Sprintf("%d deliveries in all", got.n), Events: points(o.Request, o.last()),
				})
			}
		})
		for _, c := range r.Plan.Scenario.Callers() {
			if c.App == "" {
				t.neverAccepted(r, c)
			} else {
				t.givenUp(r, c)
			}
		}
		return t.result()
	},
}

// deliveries are those of one order that were answered well. Answers are seen by taps of one process, so their times
// can be compared with each other.
type deliveries struct {
	n     int
	first time.Duration // when the first of them was over
	fault string        // that answered in the app's place
}

func (d *deliveries) add(x *Exchange) {
	if !x.delivered() {
		d.fault = x.fault
		return
	}
	if d.n++; d.n == 1 || x.end < d.first {
		d.first = x.end
	}
}

// watched tells whether a tap sees what a service's app gets.
func (r *Reading) watched(service string) bool {
	for _, l := range r.Plan.Links {
		if l.Hop == scenario.HopToApp && l.To == service {
			return true
		}
	}
	return false
}

// givenUp finds orders that their caller left out or behind: one that sends until accepted has none but the last.
func (t *tally) givenUp(r *Reading, c scenario.Service) {
	lives := map[int]*counted{}
	last := 0
	for _, o := range r.Operations {
		n, err := strconv.Atoi(o.ID)
		if o.Caller != c.Name || o.Probe() || err != nil {
			continue
		}
		last = o.life
		if lives[last] == nil {
			lives[last] = &counted{sent: map[int]numbered{}}
		}
		lives[last].add(n, o)
	}
	for life := 0; life <= last; life++ {
		if k := lives[life]; k != nil {
			t.gaps(r, c, k)
		}
	}
}

// counted is the orders of one life of a caller by their number.
type counted struct {
	sent    map[int]numbered
	highest int
}

// A numbered order is what became of it, and the last operation that asked for it.
type numbered struct {
	*Operation
	accepted bool
}

func (k *counted) add(n int, o *Operation) {
	k.sent[n] = numbered{o, o.Accepted() || k.sent[n].accepted}
	k.highest = max(k.highest, n)
}

// gaps looks at all but the last order of each caller, and what may still be on its way.
func (t *tally) gaps(r *Reading, c scenario.Service, k *counted) {
	for n := 1; n <= k.highest-max(c.Sends.Callers, 1) && n <= 2*len(k.sent); n++ {
		switch o := k.sent[n]; {
		case o.Operation == nil:
			t.find(Finding{What: fmt.Sprintf("order %d was never sent, though later ones were", n)})
		case r.goesOn(o.Operation, c.Sends.Every):
		case !o.accepted && c.Sends.Until != "once":
			t.find(Finding{What: fmt.Sprintf("%s was sent and never accepted, though later ones were", o.order()), Events: points(o.Request, o.last())})
		}
	}
}

// goesOn tells whether an order may still be accepted, or sent again, when the run or its caller's app ends.
func (r *Reading) goesOn(o *Operation, every time.Duration) bool {
	over := r.Ended
	for _, w := range r.away[role{o.Caller, history.App}] {
		if w.lo > o.Start() {
			over = min(over, w.lo)
		}
	}
	end, ended := o.End()
	return !ended || over <= r.late(end+every)+r.delay(o.Link.Name, over)
}

// neverAccepted finds what somebody's own program sent and never had accepted, whatever its ids look like. What it sent
// last in each of its lives may still have been on its way.
func (t *tally) neverAccepted(r *Reading, c scenario.Service) {
	if c.Sends.Until == "once" {
		return
	}
	lives := map[int][]*Operation{} // each order's first sending
	known, accepted := make([]bool, r.sendings), make([]bool, r.sendings)
	last := 0
	for _, o := range r.Operations {
		if o.Caller != c.Name || o.Probe() {
			continue
		}
		k := o.sends
		if last = o.life; !known[k] {
			lives[last] = append(lives[last], o)
		}
		known[k] = true
		accepted[k] = accepted[k] || o.Accepted()
	}
	for life := 0; life <= last; life++ {
		sent := lives[life]
		for _, o := range sent[:max(0, len(sent)-c.Sends.Callers)] {
			if !accepted[o.sends] {
				t.find(Finding{What: fmt.Sprintf("%s was sent and never accepted, though later ones were sent", o.order()), Events: points(o.Request, o.last())})
			}
		}
	}
}
