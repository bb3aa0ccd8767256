package oracle

import (
	"fmt"
	"slices"
	"strconv"
)

// heardLost: an order that passed without having been received, and one that its caller left behind.
var heardLost = HearingCheck{
	Name: ordersLost.Name,
	Doc:  "each order that passed was received by the target's app, and none that a caller sends until it passes was left behind",
	Run: func(h *Hearing) Result {
		if r, none := h.needsApps("which orders passed and were received"); none {
			return r
		}
		var t tally
		for _, o := range h.Orders {
			if !o.passed() {
				continue
			}
			t.examined++
			if !slices.ContainsFunc(o.receipts, func(r *receipt) bool { return r.status == 0 && !r.hung }) {
				t.find(Finding{
					What: fmt.Sprintf("order %s passed, and %s did not receive it before", o.id(), h.Target), Want: "received", Events: points(o.answered),
				})
			}
		}
		t.leftBehind(h)
		return t.result()
	},
}

// leftBehind looks at senders that send an order again when it fails: each of theirs but the last must pass.
func (t *tally) leftBehind(h *Hearing) {
	again, last, passed := map[string]bool{}, map[string]*told{}, map[string]bool{}
	for _, o := range h.Orders {
		if before := last[o.sender]; before != nil && before.id() == o.id() && before.life == o.life {
			again[o.sender] = true
		}
		last[o.sender] = o
		if o.passed() {
			passed[o.name()] = true
		}
	}
	named := map[string]bool{}
	for _, o := range h.Orders {
		k := o.name()
		if again[o.sender] && !passed[k] && !named[k] && o.name() != last[o.sender].name() && o.life == last[o.sender].life {
			named[k] = true
			t.find(Finding{What: fmt.Sprintf("order %s never passed, though later ones of its sender did", o.id()), Events: points(o.last())})
		}
	}
}

// name tells an order apart from one of the same number that its caller's app sent in another life.
func (o *told) name() string { return fmt.Sprintf("%s/%d/%s", o.sender, o.life, o.id()) }

// heardDuplicated: with retries Dapr gives at-least-once, so an attempt without an answer excuses another delivery.
var heardDuplicated = HearingCheck{
	Name: ordersDuplicated.Name,
	Doc:  ordersDuplicated.Doc,
	Run: func(h *Hearing) Result {
		if r, none := h.needsApps("what the target received"); none {
			return r
		}
		var t tally
		first := map[string]*receipt{} // by the caller's life and order
		for _, r := range h.Receipts {
			if !r.ok() {
				continue
			}
			t.examined++
			k := fmt.Sprintf("%d/%s", r.life, r.got.ID)
			before := first[k]
			if before == nil {
				first[k] = r
				continue
			}
			f := Finding{
				What: fmt.Sprintf("order %s was received twice, and well both times", r.got.ID), Want: "once", Events: points(before.got, r.got),
			}
			if h.own().Timeout != nil || !h.seen(before.got.At, r.got.At) {
				t.doubt("the answer of the first attempt may have been lost (%s)", f.What)
				continue
			}
			t.find(f)
		}
		return t.result()
	},
}

// heardReordered holds for a caller that waits for each answer.
var heardReordered = HearingCheck{
	Name: ordersReordered.Name,
	Doc:  ordersReordered.Doc,
	Run: func(h *Hearing) Result {
		if r, none := h.needsApps("the order in which orders passed"); none {
			return r
		}
		var t tally
		highest, life := 0, 0
		for i, o := range h.Orders {
			if o.life != life {
				highest, life = 0, o.life
			}
			if i > 0 && (o.start < h.Orders[i-1].end-hearingSlack || o.sender != h.Orders[0].sender) {
				return notHere("the caller does not send one order after the other")
			}
			n, err := strconv.Atoi(o.id())
			if err != nil || !o.passed() {
				continue
			}
			t.examined++
			if n < highest {
				t.find(Finding{What: fmt.Sprintf("order %d passed after order %d", n, highest), Events: points(o.answered)})
			}
			highest = max(highest, n)
		}
		t.receivedInOrder(h)
		return t.result()
	},
}

func (t *tally) receivedInOrder(h *Hearing) {
	highest, life, seen := 0, 0, map[int]bool{}
	for _, r := range h.Receipts {
		if r.life != life {
			highest, life, seen = 0, r.life, map[int]bool{}
		}
		n, err := strconv.Atoi(r.got.ID)
		if err != nil || !r.ok() || seen[n] {
			continue
		}
		seen[n] = true
		if n < highest {
			t.find(Finding{What: fmt.Sprintf("order %d was received after order %d", n, highest), Events: points(r.got)})
		}
		highest = max(highest, n)
	}
}
