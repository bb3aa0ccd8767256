package oracle

import (
	"fmt"
	"strconv"
)

// ordersReordered holds for a caller that sends one order after the other.
var ordersReordered = Check{
	Name: "orders-reordered",
	Doc:  "a lone caller's orders are accepted and delivered in the order in which they were sent",
	Run: func(r *Reading) Result {
		var t tally
		lone := false
		for _, c := range r.Plan.Scenario.Callers() {
			if c.Sends.Callers > 1 {
				continue
			}
			lone = true
			var sent []*Operation
			for _, o := range r.Operations {
				if o.Caller == c.Name && !o.Probe() {
					sent = append(sent, o)
				}
			}
			t.ascending(r, sent, "accepted", (*Operation).Accepted)
			t.ascending(r, r.firstDelivered(sent), "delivered", func(*Operation) bool { return true })
		}
		if !lone || !r.Loaded {
			return notHere("no caller sends one order after the other")
		}
		return t.result()
	},
}

// firstDelivered are operations in the order in which the orders that they carry were delivered first.
func (r *Reading) firstDelivered(sent []*Operation) []*Operation {
	by := map[string]*Operation{}
	for _, o := range sent {
		by[o.Exchange.order()] = o
	}
	var out []*Operation
	seen := map[string]bool{}
	for _, x := range r.Deliveries {
		o := by[x.order()]
		if o == nil || !x.delivered() || seen[r.sent(o)] {
			continue
		}
		seen[r.sent(o)] = true
		out = append(out, o)
	}
	return out
}

func (t *tally) ascending(r *Reading, os []*Operation, what string, counts func(*Operation) bool) {
	var before *Operation
	highest := 0
	for _, o := range os {
		n, err := strconv.Atoi(o.ID)
		if err != nil || !counts(o) {
			continue
		}
		t.examined++
		if before != nil && r.life(before) == r.life(o) && n < highest {
			t.find(Finding{
				What: fmt.Sprintf("%s was %s after %s", o.order(), what, before.order()), Events: points(before.Request, o.Request),
			})
			continue
		}
		highest, before = n, o
	}
}
