package oracle

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// retryGap: a gap runs from the end of an attempt to the start of the next one of the same operation, both seen
// by one tap. Load only delays, so a gap that is too short is too short on any machine.
var retryGap = Check{
	Name: "retry-gap",
	Doc:  "the pause before each retry is the one that the policy says",
	Run: func(r *Reading) Result {
		var t tally
		for _, o := range r.Operations {
			for i := 0; i+1 < len(o.Attempts); i++ {
				t.gap(r, o, i)
			}
			t.missing(r, o)
		}
		if t.examined == 0 && len(t.findings) == 0 && !r.anyRetryOwed() {
			return notHere("no attempt failed that would have been retried")
		}
		return t.result()
	},
}

// A window is the pauses that policies allow after an attempt.
type window struct{ lo, hi time.Duration }

// pauses are the windows in which the next attempt may come after the n-th (from 1): that of the policy's retry,
// and that of the built-in one where the target's sidecar could not be reached.
func (o *Operation) pauses(n int) []window {
	var out []window
	if p := o.Policies.Retry; p != nil {
		for k := n; k >= 1; k-- { // under built-in retries the policy's own begin anew each time
			lo, hi := p.Gap(k)
			out = append(out, window{lo, hi})
			if o.Policies.Builtin == nil || p.Policy != resiliency.Exponential {
				break
			}
		}
	}
	if b := o.Policies.Builtin; b != nil && unreachable(o.Attempts[n-1]) {
		lo, hi := b.Gap(n)
		out = append(out, window{lo, hi})
	}
	return out
}

// unreachable tells whether an attempt found no sidecar to talk to, or lost it in the middle of the request.
func unreachable(x *Exchange) bool { return x.Close != nil && x.Close.Attr("by") != "client" }

func (t *tally) gap(r *Reading, o *Operation, i int) {
	end, ended := o.Attempts[i].End()
	next := o.Attempts[i+1]
	if !ended {
		t.find(Finding{
			What:   fmt.Sprintf("attempt %d of %s began while attempt %d was not over", i+2, o.order(), i+1),
			Events: points(o.Attempts[i].Request, next.Request),
		})
		return
	}
	windows := o.pauses(i + 1)
	if len(windows) == 0 {
		return // that it was retried at all is retry-count's to find
	}
	t.examined++
	gap := next.Start() - end
	for _, w := range windows {
		if gap >= w.lo-r.Slack.Lower && gap <= r.late(w.hi) {
			if why := r.tooBusy(w.hi); why != "" && gap > w.hi+turnaround {
				t.doubt("%s", why)
			}
			return
		}
	}
	w := windows[0]
	want := "exactly " + short(w.lo)
	if w.lo != w.hi {
		want = short(w.lo) + " to " + short(w.hi)
	}
	how := "too long"
	if gap < w.lo {
		how = "too short"
	}
	t.find(Finding{
		What: fmt.Sprintf("attempt %d of %s came %s after attempt %d ended: %s, the policy says %s", i+2, o.order(), short(gap), i+1, how, want),
		Want: want, Got: short(gap), Events: points(o.Attempts[i].last(), next.Request),
	})
}

// missing finds a retry that was due and never came, in an operation that was still waiting for it.
func (t *tally) missing(r *Reading, o *Operation) {
	n := len(o.Attempts)
	if n == 0 || !r.owed(o, n) {
		return
	}
	over, ended := o.End()
	if !ended {
		over = r.Ended
	}
	end, _ := o.Attempts[n-1].End()
	windows := o.pauses(n)
	latest := windows[0].hi
	for _, w := range windows {
		latest = max(latest, w.hi)
	}
	if due := r.late(end + latest); over > due && !r.mayRefuse(o, end+windows[0].lo, due) {
		t.find(Finding{
			What: fmt.Sprintf("no attempt %d of %s came within %s after attempt %d failed, though it was still waiting", n+1, o.order(), short(latest), n),
			Want: "an attempt by " + short(due), Got: "none by " + short(over), Events: points(o.Attempts[n-1].last(), o.last()),
		})
	}
}

// anyRetryOwed tells whether some attempt failed in a way that is retried.
func (r *Reading) anyRetryOwed() bool {
	for _, o := range r.Operations {
		if n := len(o.Attempts); n > 0 && r.owed(o, n) {
			return true
		}
	}
	return false
}
