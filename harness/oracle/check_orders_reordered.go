package oracle

import (
	"fmt"
	"slices"
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
			number := byID
			if c.App == "" {
				number = r.ranked(sent)
			}
			t.ascending(r, sent, number, "accepted", (*Operation).Accepted)
			t.ascending(r, r.firstDelivered(sent), number, "delivered", func(*Operation) bool { return true })
		}
		if !lone || !r.Loaded {
			return notHere("no caller sends one order after the other")
		}
		return t.result()
	},
}

// firstDelivered are operations in the order in which the orders that they carry were delivered first.
func (r *Reading) firstDelivered(sent []*Operation) []*Operation {
	by := make([]*Operation, r.carried)
	for _, o := range sent {
		by[o.carries] = o
	}
	var out []*Operation
	seen := make([]bool, r.sendings)
	for _, x := range r.Deliveries {
		o := by[x.carries]
		if o == nil || !x.delivered() || seen[o.sends] {
			continue
		}
		seen[o.sends] = true
		out = append(out, o)
	}
	return out
}

// byID is an order's number as the built-in checkout gives it: false for none.
func byID(o *Operation) (int, bool) {
	n, err := strconv.Atoi(o.ID)
	return n, err == nil
}

// ranked numbers orders by when they were sent first: somebody's own ids may look like anything.
func (r *Reading) ranked(sent []*Operation) func(*Operation) (int, bool) {
	ranks := make([]int, r.sendings)
	for i, o := range slices.Backward(sent) {
		ranks[o.sends] = i
	}
	return func(o *Operation) (int, bool) { return ranks[o.sends], true }
}

func (t *tally) ascending(r *Reading, os []*Operation, number func(*Operation) (int, bool), what string, counts func(*Operation) bool) {
	var before *Operation
	highest := 0
	for _, o := range os {
		n, ok := number(o)
		if !ok || !counts(o) {
			continue
		}
		t.examined++
		if before != nil && before.life == o.life && n < highest {
			t.find(Finding{
				What: fmt.Sprintf("%s was %s after %s", o.order(), what, before.order()), Events: points(before.Request, o.Request),
			})
			continue
		}
		highest, before = n, o
	}
}
