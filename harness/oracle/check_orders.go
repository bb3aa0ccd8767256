package oracle

import (
	"fmt"
	"strconv"
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
				delivered[x.ID] = append(delivered[x.ID], x)
			}
		}
		watched := map[string]bool{}
		for _, l := range r.Plan.Links {
			if l.Hop == "sidecar-to-app" {
				watched[l.To] = true
			}
		}
		var t tally
		for _, o := range r.Operations {
			if !o.Accepted() || !watched[o.Target] {
				continue
			}
			t.examined++
			if !before(delivered[o.ID], o) {
				t.find(Finding{
					What: fmt.Sprintf("%s was accepted, and never delivered to %s", o.order(), o.Target),
					Want: "a delivery before the answer", Got: fmt.Sprintf("%d deliveries in all", len(delivered[o.ID])), Events: points(o.Request, o.last()),
				})
			}
		}
		t.givenUp(r)
		return t.result()
	},
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

// givenUp finds orders that their caller left behind: one that sends until accepted has none but the last.
func (t *tally) givenUp(r *Reading) {
	for _, c := range r.Plan.Scenario.Callers() {
		if c.Sends.Until != "accepted" {
			continue
		}
		accepted := map[string]bool{}
		highest := 0
		var sent []*Operation
		for _, o := range r.Operations {
			if o.Caller != c.Name || o.Probe() {
				continue
			}
			sent = append(sent, o)
			if o.Accepted() {
				accepted[o.ID] = true
			}
			if n, err := strconv.Atoi(o.ID); err == nil {
				highest = max(highest, n)
			}
		}
		told := map[string]bool{}
		for _, o := range sent {
			n, err := strconv.Atoi(o.ID)
			if err != nil || accepted[o.ID] || told[o.ID] || n > highest-c.Sends.Callers {
				continue // the last order of each caller may still be on its way
			}
			told[o.ID] = true
			t.find(Finding{
				What:   fmt.Sprintf("%s was sent and never accepted, though later ones were", o.order()),
				Events: points(o.Request),
			})
		}
	}
}

// ordersDuplicated: with retries Dapr gives at-least-once. Each further delivery is excused by an attempt whose
// answer was lost on its way, and only by that.
var ordersDuplicated = Check{
	Name: "orders-duplicated",
	Doc:  "no order is delivered twice, but where the answer of an attempt was lost (at-least-once)",
	Run: func(r *Reading) Result {
		lost := map[string]int{} // by order: attempts whose answer did not get through
		for _, o := range r.Operations {
			for _, x := range o.Attempts {
				if !x.OK() {
					lost[x.ID]++
				}
			}
		}
		var t tally
		seen := map[string]*Exchange{}
		excused := 0
		for _, x := range r.Deliveries {
			if !x.OK() || x.ID == "" {
				continue
			}
			t.examined++
			first := seen[x.ID]
			switch {
			case first == nil:
				seen[x.ID] = x
			case lost[x.ID] > 0:
				lost[x.ID]--
				excused++
			default:
				t.find(Finding{
					What: fmt.Sprintf("order %s was delivered to %s twice, and no answer of an attempt was lost that would excuse it", x.ID, x.Link.To),
					Want: "one delivery", Events: points(first.Request, x.Request),
				})
			}
		}
		if t.examined == 0 && len(r.Operations) == 0 {
			return notHere("no order was sent")
		}
		result := t.result()
		if excused > 0 && result.Outcome == Pass {
			result.Why = fmt.Sprintf("%d deliveries were repeated because the answer was lost: retries give at-least-once", excused)
		}
		return result
	},
}

// ordersReordered holds for a caller that sends one order after the other.
var ordersReordered = Check{
	Name: "orders-reordered",
	Doc:  "a lone caller's orders are accepted and delivered in the order in which they were sent",
	Run: func(r *Reading) Result {
		var t tally
		lone := false
		for _, c := range r.Plan.Scenario.Callers() {
			if c.Sends.Callers != 1 {
				continue
			}
			lone = true
			var accepted []*Exchange
			for _, o := range r.Operations {
				if o.Caller == c.Name && o.Accepted() && !o.Probe() {
					accepted = append(accepted, &o.Exchange)
				}
			}
			t.ascending(accepted, "accepted")
			if len(r.Plan.Scenario.Callers()) == 1 {
				var received []*Exchange
				for _, x := range r.Deliveries {
					if x.OK() && x.Link.To == c.Sends.To {
						received = append(received, x)
					}
				}
				t.ascending(received, "delivered")
			}
		}
		if !lone || !r.Loaded {
			return notHere("no caller sends one order after the other")
		}
		return t.result()
	},
}

func (t *tally) ascending(xs []*Exchange, what string) {
	var before *Exchange
	highest := 0
	for _, x := range xs {
		n, err := strconv.Atoi(x.ID)
		if err != nil {
			continue
		}
		t.examined++
		if n < highest {
			t.find(Finding{
				What: fmt.Sprintf("order %s was %s after order %s", x.ID, what, before.ID), Events: points(before.Request, x.Request),
			})
			continue
		}
		highest, before = n, x
	}
}
