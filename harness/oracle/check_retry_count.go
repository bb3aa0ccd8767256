package oracle

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// retryCount: an operation is tried until success, a status that is not matched, a breaker's refusal, maxRetries,
// the fifteen minutes, or the caller's leaving, and no longer.
var retryCount = Check{
	Name: "retry-count",
	Doc:  "each operation is tried as often as the policy says, and not once more or less",
	Run: func(r *Reading) Result {
		var t tally
		for _, o := range r.Operations {
			t.count(r, o)
		}
		if len(r.Operations) == 0 && !r.Loaded {
			return notHere("the load was never started")
		}
		return t.result()
	},
}

func (t *tally) count(r *Reading, o *Operation) {
	n := len(o.Attempts)
	if n == 0 {
		return
	}
	t.examined++
	for i, x := range o.Attempts[:n-1] {
		if !r.mayRetry(o, i+1) {
			t.find(Finding{
				What: fmt.Sprintf("%s was tried again after attempt %d (%s), where the policy ends it: %s", o.order(), i+1, x.outcome(), limit(o)),
				Want: limit(o), Got: fmt.Sprintf("%d attempts", n), Events: points(x.last(), o.Attempts[i+1].Request),
			})
			return
		}
	}
	over, ended := o.End()
	if !ended || !r.owed(o, n) {
		return
	}
	// The operation is over, and its last attempt would be retried: only a refusal, or the end of a part, excuses it.
	end, _ := o.Attempts[n-1].End()
	if o.gaveUp() || r.sidecarGone(o.Caller, end, over) || r.mayRefuse(o, end, over) {
		return
	}
	t.find(Finding{
		What: fmt.Sprintf("%s was given up after %d attempts, %s after the last one failed: %s", o.order(), n, since(end, over), limit(o)),
		Want: limit(o), Got: fmt.Sprintf("%d attempts, then %d", n, o.Status()), Events: points(o.Attempts[n-1].last(), o.last()),
	})
}

// limit says how often an operation may be tried.
func limit(o *Operation) string {
	switch p, b := o.Policies.Retry, o.Policies.Builtin; {
	case p != nil && p.MaxRetries == resiliency.Forever:
		return "retries for ever"
	case p != nil && b != nil:
		return fmt.Sprintf("at most %d retries, and %d built-in ones around them", p.MaxRetries, b.MaxRetries)
	case p != nil:
		return fmt.Sprintf("at most %d retries", p.MaxRetries)
	case b != nil:
		return fmt.Sprintf("only the %d built-in retries, where the target's sidecar can't be reached", b.MaxRetries)
	}
	return "no retries"
}

// mayRetry tells whether another attempt may follow the n-th (from 1).
func (r *Reading) mayRetry(o *Operation, n int) bool {
	x := o.Attempts[n-1]
	if x.OK() {
		return false
	}
	p, b := o.Policies.Retry, o.Policies.Builtin
	most := 1
	byPolicy := p != nil && (!x.Answered() || x.Own() || p.Retries(x.Status()))
	if p != nil {
		most *= p.MaxRetries + 1
		if p.MaxRetries == resiliency.Forever {
			most = n + 1
		}
	}
	byBuiltin := b != nil && unreachable(x)
	if b != nil && (byBuiltin || o.anyUnreachable()) {
		most *= b.MaxRetries + 1
	}
	return n < most && (byPolicy || byBuiltin) && r.withinElapsed(o, n)
}

func (o *Operation) anyUnreachable() bool {
	for _, x := range o.Attempts {
		if unreachable(x) {
			return true
		}
	}
	return false
}

// withinElapsed: an exponential retry ends where elapsed time and the next gap would pass fifteen minutes.
func (r *Reading) withinElapsed(o *Operation, n int) bool {
	p := o.Policies.Retry
	if p == nil || p.Policy != resiliency.Exponential {
		return true
	}
	end, _ := o.Attempts[n-1].End()
	shortest, _ := p.Gap(n)
	return end-o.Start()+shortest <= resiliency.MaxElapsed+r.Slack.Upper
}

// owed tells whether another attempt must follow the n-th (from 1), unless something ends the operation. Where an
// exponential gap might or might not have passed the fifteen minutes, none is owed.
func (r *Reading) owed(o *Operation, n int) bool {
	if _, ended := o.Attempts[n-1].End(); !ended || !r.mayRetry(o, n) {
		return false
	}
	p := o.Policies.Retry
	if p == nil || p.Policy != resiliency.Exponential {
		return true
	}
	end, _ := o.Attempts[n-1].End()
	_, longest := p.Gap(n)
	return end-o.Start()+longest < resiliency.MaxElapsed
}

// gaveUp tells whether the caller left before it was answered.
func (o *Operation) gaveUp() bool { return o.Close != nil && o.Close.Attr("by") == "client" }

// sidecarGone tells whether a caller's sidecar ended within a time.
func (r *Reading) sidecarGone(caller string, from, to time.Duration) bool {
	for _, at := range r.restarts(caller) {
		if at >= from-r.Slack.Lower && at <= r.late(to) {
			return true
		}
	}
	return false
}

// mayRefuse tells whether the breaker may have refused an operation at some moment within a time.
func (r *Reading) mayRefuse(o *Operation, from, to time.Duration) bool {
	b := r.breakerOf(o)
	if b == nil {
		return false
	}
	state := closed
	begins := time.Duration(0)
	for _, t := range append(b.Transitions, Transition{At: r.Ended + time.Hour, To: closed}) {
		if state != closed && begins <= r.late(to) && t.At >= from-r.Slack.Lower-mostUncertain && b.refuses(state, begins, from, r) {
			return true
		}
		state, begins = t.To, t.At
	}
	return false
}

// refuses tells whether a state that began at a moment can refuse somebody at or after another: an open breaker
// until its timeout, a half-open one for as long as its probes are on the way.
func (b *Breaker) refuses(state string, began, at time.Duration, r *Reading) bool {
	return state == halfOpen || at <= r.late(began+b.Policy.Timeout)
}
