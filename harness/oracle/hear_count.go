package oracle

import (
	"fmt"
	"strings"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// heardCount: attempts are counted by what the target's app tells, where it was there to see them all; else by the
// sidecar's own counter; else by its "Recovered after N attempts".
var heardCount = HearingCheck{
	Name: retryCount.Name,
	Doc:  "each operation is tried as often as the policy says, as far as attempts were counted",
	Run: func(h *Hearing) Result {
		var t tally
		for _, v := range h.Voices {
			for _, s := range v.lines {
				if s.Kind == saidRecovered {
					t.recoveredWithin(h, s)
				}
			}
		}
		for _, o := range h.Orders {
			if o.ended {
				t.tries(h, o)
			}
		}
		return t.result()
	},
}

func (t *tally) recoveredWithin(h *Hearing, s *Heard) {
	r, known := h.retry(s)
	switch {
	case !known:
		return
	case r == nil:
		t.examined++
		t.find(Finding{
			What: fmt.Sprintf("%s's sidecar recovered %s by retries, and no retry policy is in force for it", s.voice.service, s.Operation),
			Want: "no retry", Got: clip(message(s.Line.Text)), Events: points(s.Line),
		})
		return
	case s.Attempts == 0:
		return // older ones don't count
	}
	t.examined++
	if s.Attempts < 2 || (r.MaxRetries != resiliency.Forever && s.Attempts > r.MaxRetries+1) {
		t.find(Finding{
			What: fmt.Sprintf("%s's sidecar recovered %s after %d attempts; the policy %s allows %d retries", s.voice.service, s.Operation, s.Attempts, r.Name, r.MaxRetries),
			Want: "at least 2 attempts, at most maxRetries + 1", Got: fmt.Sprint(s.Attempts), Events: points(s.Line),
		})
	}
}

// tries counts the attempts of one request.
func (t *tally) tries(h *Hearing, o *told) {
	p := h.own()
	n, seen := len(o.receipts), h.seen(o.start, o.end)
	if !seen {
		var looked bool
		if n, looked = h.attempts(o.start, o.end); !looked || !h.alone(o, pollLag) {
			return
		}
	}
	t.examined++
	r := p.Retry
	if r == nil && !seen {
		r = p.Builtin
	}
	most := 0
	if r != nil {
		most = r.MaxRetries
	}
	all := most // with the built-in ones within each try
	if b := p.Builtin; b != nil && p.Retry != nil && !seen && most != resiliency.Forever {
		all = (most+1)*(b.MaxRetries+1) - 1
	}
	fail := func(what, want string) {
		t.find(Finding{
			What: fmt.Sprintf("order %s was tried %s %s", o.id(), times(n), what), Want: want, Got: attempts(n), Events: points(o.last()),
		})
	}
	switch {
	case most != resiliency.Forever && n > all+1:
		fail("", fmt.Sprintf("at most %d", all+1))
	case seen && o.onceTooOften(r):
		fail("after an answer that is not retried", "no retry after it")
	case o.passed() || r == nil || o.refused() || (r.Builtin && !o.toldOfBuiltin()) || (seen && !o.retried(r)):
	case n < most+1 || most == resiliency.Forever:
		fail("and given up, with retries left", limitOf(most))
	}
}

// toldOfBuiltin tells whether a caller was told that the built-in retries ran out: they act only where the target's
// sidecar can't be reached.
func (o *told) toldOfBuiltin() bool {
	return strings.Contains(o.answered.Error, "failed to invoke target ") && strings.Contains(o.answered.Error, " retries. Error: ")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func limitOf(most int) string {
	if most == resiliency.Forever {
		return "retries for ever"
	}
	return fmt.Sprintf("%d attempts", most+1)
}

// refused tells whether a request ended at its breaker: that ends retries.
func (o *told) refused() bool {
	return strings.Contains(o.answered.Error, refusedOpen) || strings.Contains(o.answered.Error, refusedCrowd)
}

// What a breaker's refusal is called.
const (
	refusedOpen  = "circuit breaker is open"
	refusedCrowd = "too many requests"
)

// retried tells whether the last attempt that was seen is one that the policy retries.
func (o *told) retried(r *resiliency.Retry) bool {
	if len(o.receipts) == 0 {
		return false
	}
	last := o.receipts[len(o.receipts)-1]
	return last.hung || r.Retries(last.status)
}

// onceTooOften tells whether an attempt followed one after which none is due.
func (o *told) onceTooOften(r *resiliency.Retry) bool {
	for i := 0; i+1 < len(o.receipts); i++ {
		if x := o.receipts[i]; r == nil || (x.ended && !x.hung && !r.Retries(x.status)) {
			return true
		}
	}
	return false
}
