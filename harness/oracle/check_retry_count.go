package oracle

import (
	"fmt"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// retryCount: an operation is tried until success, a status that is not matched, a breaker's refusal, maxRetries,
// the fifteen minutes, or the caller's leaving, and no longer.
var retryCount = Check{
	Name: "retry-count",
	Doc:  "each operation is tried as often as the policy says, and not once more or less",
	Run: func(r *Reading) Result {
		var t tally
		t.each(r.Operations, func(o *Operation) { t.count(r, o) })
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
		if _, ended := x.End(); ended && !o.Turns[i].may {
			t.find(Finding{
				What: fmt.Sprintf("%s was tried again after attempt %d (%s), where the policy ends it: %s", o.order(), i+1, x.outcome(), limit(o)),
				Want: limit(o), Got: fmt.Sprintf("%d attempts", n), Events: points(x.last(), o.Attempts[i+1].Request),
			})
			return
		}
	}
	if t.forNobody(r, o) {
		return
	}
	over, ended := o.End()
	if !ended || !o.next().sure {
		return
	}
	// The operation is over, and its last attempt would be retried: only a refusal, or the end of a part, excuses it.
	end, _ := o.Attempts[n-1].End()
	if o.gaveUp() || r.sidecarGone(o.Caller, end, over) || o.mayBeRefused {
		return
	}
	if o.breaker != nil && o.breaker.Ambiguous != "" {
		t.doubt("%s", o.breaker.Ambiguous)
		return
	}
	t.find(Finding{
		What: fmt.Sprintf("%s was given up after %s, %s after the last one failed: %s", o.order(), attempts(n), since(end, over), limit(o)),
		Want: limit(o), Got: fmt.Sprintf("%s, then %d", attempts(n), o.Status()), Events: points(o.Attempts[n-1].last(), o.last()),
	})
}

// forNobody finds a retry that began when its caller had left. An attempt that was on its way then may go on.
func (t *tally) forNobody(r *Reading, o *Operation) bool {
	if !o.gaveUp() {
		return false
	}
	left := r.late(o.Close.At) + r.delay(o.Link.Name, o.Close.At) + mostUncertain
	for i, x := range o.Attempts[1:] {
		if x.earliest() > left {
			t.find(Finding{
				What: fmt.Sprintf("%s was tried again after attempt %d, %s after its caller had left", o.order(), i+1, since(o.Close.At, x.Start())),
				Want: "no attempt for nobody", Got: fmt.Sprintf("%d attempts", len(o.Attempts)), Events: points(o.Close, x.Request),
			})
			return true
		}
	}
	return false
}

// attempts counts them in words.
func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// limit says how often an operation may be tried.
func limit(o *Operation) string {
	switch p, b := o.Policies.Retry, o.Policies.Builtin; {
	case p != nil && p.MaxRetries == resiliency.Forever:
		return "retries for ever"
	case p != nil && b != nil:
		return fmt.Sprintf("maxRetries %d, and %d built-in ones within each try", p.MaxRetries, b.MaxRetries)
	case p != nil:
		return fmt.Sprintf("maxRetries %d", p.MaxRetries)
	case b != nil:
		return fmt.Sprintf("only the %d built-in retries, where the target's sidecar can't be reached", b.MaxRetries)
	}
	return "no retries"
}
