package oracle

import "fmt"

// builtinRetries: https://docs.dapr.io/operations/resiliency/policies/retries/retries-overview/ — Dapr's own retries
// act where no target names the app, and only where its sidecar can't be reached. How many and how far apart they
// are is retry-count's and retry-gap's; this is about where they act.
var builtinRetries = Check{
	Name: "builtin-retries",
	Doc:  "Dapr's own retries act where the target's sidecar can't be reached and no target names the app, and nowhere else",
	Run: func(r *Reading) Result {
		var t tally
		inPlay := false
		t.each(r.Operations, func(o *Operation) {
			inPlay = inPlay || o.Policies.Builtin != nil
			t.builtin(r, o)
		})
		t.builtinLines(r)
		switch {
		case !inPlay && t.examined == 0:
			return notHere("a target names the app, so Dapr's own retries are off")
		case t.examined == 0:
			return notHere("no attempt failed")
		}
		return t.result()
	},
}

// builtin looks at what followed each failed attempt that found no sidecar, or that the policy's own retry would not act on.
func (t *tally) builtin(r *Reading, o *Operation) {
	b, p := o.Policies.Builtin, o.Policies.Retry
	for i, x := range o.Attempts {
		if !x.Failed() || (p != nil && acts(p, x) && !unreachable(x)) {
			continue
		}
		retried := i+1 < len(o.Attempts)
		switch {
		case b == nil:
			continue // retry-count's
		case !unreachable(x):
			t.examined++
			if retried {
				t.find(Finding{
					What: fmt.Sprintf("%s was tried again after attempt %d was %s: Dapr's own retries are for a sidecar that can't be reached", o.order(), i+1, x.outcome()),
					Want: "no retry", Got: "a retry", Events: points(x.last(), o.Attempts[i+1].Request),
				})
			}
		default:
			t.examined++
			over, ended := o.End()
			if end, _ := x.End(); i == 0 && !retried && ended && o.Turns[i].builtin && o.Turns[i].sure && !o.gaveUp() && !o.mayBeRefused && !r.sidecarGone(o.Caller, end, over) {
				t.find(Finding{
					What: fmt.Sprintf("%s was not tried again though the target's sidecar could not be reached", o.order()),
					Want: fmt.Sprintf("%d more attempts", b.MaxRetries), Got: "none", Events: points(x.last(), o.last()),
				})
			}
		}
	}
}

// builtinLines finds lines of Dapr's own retries for callers that have none.
func (t *tally) builtinLines(r *Reading) {
	with := map[string]string{} // by caller: the name of its built-in retries, where a call has them
	for _, o := range r.Operations {
		if b := o.Policies.Builtin; b != nil {
			with[o.Caller] = b.Name
		}
	}
	for i := range r.Said {
		s := &r.Said[i]
		if s.Kind != saidRetrying || s.Operation != builtinName || with[s.Line.Service] != "" {
			continue
		}
		t.examined++
		t.find(Finding{
			What: fmt.Sprintf("%s's sidecar tells of Dapr's own retries, and a target switches them off", s.Line.Service),
			Got:  clip(message(s.Line.Text)), Events: points(s.Line),
		})
	}
}

// builtinName is what Dapr calls its own retries of service invocation.
const builtinName = "DaprBuiltInServiceRetries"
