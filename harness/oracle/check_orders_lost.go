package oracle

import (
	"fmt"
	"strconv"

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
		delivered := map[string][]*Exchange{}
		for _, x := range r.Deliveries {
			if x.OK() {
				k := x.order(x.Link.To)
				delivered[k] = append(delivered[k], x)
			}
		}
		var t tally
		for _, o := range r.Operations {
			if !o.Accepted() || !r.watched(o.Target) {
				continue
			}
			t.examined++
			deliveries := delivered[o.Exchange.order(o.Target)]
			if !before(deliveries, o) {
				t.find(Finding{
					What: fmt.Sprintf("%s was accepted, and never delivered to %s", o.order(), o.Target),
					Want: "a delivery before the answer", Got: fmt.Sprintf("%d deliveries in all", len(deliveries)), Events: points(o.Request, o.last()),
				})
			}
		}
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

// order tells what an exchange carries to a service: by the trace id where there is one, since two callers may use
// one order id. A service that hands an order on does so under the same trace id, so the service belongs to it.
func (x *Exchange) order(to string) string {
	if x.Op != "" {
		return to + " " + x.Op
	}
	return to + " order " + x.ID
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

// before tells whether one of the deliveries was over before an operation's answer. Both are seen by taps of one
// process, so their times can be compared.
func before(deliveries []*Exchange, o *Operation) bool {
	for _, d := range deliveries {
		if d.Complete.At <= o.Complete.At {
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
		last = r.life(o)
		if lives[last] == nil {
			lives[last] = &counted{sent: map[int]*Operation{}, accepted: map[int]bool{}}
		}
		lives[last].add(n, o)
	}
	for life := 0; life <= last; life++ {
		if k := lives[life]; k != nil {
			t.gaps(c, k)
		}
	}
}

// counted is the orders of one life of a caller by their number.
type counted struct {
	sent     map[int]*Operation
	accepted map[int]bool
	highest  int
}

func (k *counted) add(n int, o *Operation) {
	k.sent[n] = o
	k.accepted[n] = k.accepted[n] || o.Accepted()
	k.highest = max(k.highest, n)
}

// gaps looks at all but the last order of each caller, which may still be on its way.
func (t *tally) gaps(c scenario.Service, k *counted) {
	for n := 1; n <= k.highest-max(c.Sends.Callers, 1) && n <= 2*len(k.sent); n++ {
		switch o := k.sent[n]; {
		case o == nil:
			t.find(Finding{What: fmt.Sprintf("order %d was never sent, though later ones were", n)})
		case !k.accepted[n] && c.Sends.Until != "once":
			t.find(Finding{What: fmt.Sprintf("%s was sent and never accepted, though later ones were", o.order()), Events: points(o.Request, o.last())})
		}
	}
}

// neverAccepted finds what somebody's own program sent and never had accepted, whatever its ids look like. What it sent
// last in each of its lives may still have been on its way.
func (t *tally) neverAccepted(r *Reading, c scenario.Service) {
	if c.Sends.Until == "once" {
		return
	}
	lives := map[int][]*Operation{} // each order's first sending
	known, accepted := map[string]bool{}, map[string]bool{}
	last := 0
	for _, o := range r.Operations {
		if o.Caller != c.Name || o.Probe() {
			continue
		}
		k := r.sent(o)
		if last = r.life(o); !known[k] {
			lives[last] = append(lives[last], o)
		}
		known[k] = true
		accepted[k] = accepted[k] || o.Accepted()
	}
	for life := 0; life <= last; life++ {
		sent := lives[life]
		for _, o := range sent[:max(0, len(sent)-c.Sends.Callers)] {
			if !accepted[r.sent(o)] {
				t.find(Finding{What: fmt.Sprintf("%s was sent and never accepted, though later ones were sent", o.order()), Events: points(o.Request, o.last())})
			}
		}
	}
}
