package oracle

import "github.com/halfopen/halfopen/harness/resiliency"

// reaches gives the pause before a built-in retry. They act only where the target's sidecar can't be reached, and are part
// of one try of the policy.
func (o *order) reaches(now moment, f fate) (window, bool) {
	b := o.sender.policies.Builtin
	if b == nil || f.Kind != ModeUnreachable || o.within >= b.MaxRetries {
		return window{}, false
	}
	lo, hi := o.sender.drawn(b.Gap(o.within + 1))
	if b.Policy == resiliency.Exponential && o.sender.reached(o.passed.after(resiliency.MaxElapsed+1), now.plus(window{lo, hi})) {
		return window{}, false
	}
	return window{lo, hi}, true
}

// again gives the pause before the policy's next try.
func (o *order) again(now moment, f fate) (window, bool) {
	r := o.sender.policies.Retry
	if r != nil && (f.Kind != ModeAnswers || r.Retries(f.Status)) && (r.MaxRetries == resiliency.Forever || o.tries <= r.MaxRetries) {
		lo, hi := o.sender.drawn(r.Gap(o.tries))
		limit := o.began.after(resiliency.MaxElapsed + 1)
		if r.Policy != resiliency.Exponential || !o.sender.reached(limit, now.plus(window{lo, hi})) {
			return window{lo, hi}, true
		}
	}
	return window{}, false
}
