package oracle

import "fmt"

// heardTimeout: the target's app tells when it was asked and when its caller gave up.
var heardTimeout = HearingCheck{
	Name: attemptTimeout.Name,
	Doc:  "each attempt that the target's app does not answer is given up at the policy's timeout",
	Run: func(h *Hearing) Result {
		timeout := h.own().Timeout
		if timeout == nil {
			return notHere("no timeout policy is in force")
		}
		if r, none := h.needsApps("how long an attempt took"); none {
			return r
		}
		var t tally
		for _, r := range h.Receipts {
			if !r.hung || (!r.ended && r.got.At+*timeout+unmeasured > h.ended) {
				continue
			}
			t.examined++
			took := r.over.At - r.got.At
			f := Finding{
				What: fmt.Sprintf("an attempt of order %s was given up after %s", r.got.ID, short(took)), Want: short(*timeout), Got: short(took),
				Events: points(r.got, r.over),
			}
			switch {
			case !r.ended:
				f.What, f.Got = fmt.Sprintf("an attempt of order %s was never given up", r.got.ID), "never"
				t.find(f)
			case took < *timeout-hearingSlack, took > *timeout+unmeasured:
				t.find(f)
			case took > *timeout+2*hearingSlack:
				t.doubt("nobody measured how late the machine was (%s)", f.What)
			}
		}
		return t.result()
	},
}
