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
		callers := r.Plan.Scenario.Callers()
		for _, c := range callers {
			if c.Sends.Callers > 1 {
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
			if len(callers) == 1 {
				t.ascending(r.firstDeliveries(c.Sends.To), "delivered")
			}
		}
		if !lone || !r.Loaded {
			return notHere("no caller sends one order after the other")
		}
		return t.result()
	},
}

// firstDeliveries are an app's deliveries without those that repeat an order.
func (r *Reading) firstDeliveries(to string) []*Exchange {
	var out []*Exchange
	seen := map[string]bool{}
	for _, x := range r.Deliveries {
		if x.OK() && x.Link.To == to && !seen[x.ID] {
			seen[x.ID] = true
			out = append(out, x)
		}
	}
	return out
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
