package oracle

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// lookAlong follows callers whose link to their target is slower by so much, each way. An answer takes twice that: where
// an attempt's timeout ends before, or its caller's patience, that is for them as if no answer ever came.
func lookAlong(policies resiliency.Policies, c scenario.Service, latency time.Duration) Outlook {
	out := newOutlook(policies, c)
	out.Latency = latency
	if limit, ok := out.limit(); !ok || 2*latency < limit {
		out.Fresh, out.Open, out.Probes = false, nil, 0
		return out
	}
	out.Slow = true
	one := out.endures(policies, c, ModeHangs)
	takes, _ := out.limit()
	out.Recovers, _ = policies.RecoveryBound(c.Sends.Every, c.Sends.Timeout)
	out.Recovers += takes // of an attempt that is on its way while the link becomes fast
	if out.knows(one, policies, c) {
		out.Recovers = max(one.longest, c.Sends.Every)
	}
	out.many(policies, c, ModeHangs)
	for _, t := range []*Trips{out.Trips, out.Many.Trips} {
		if t != nil { // counted from the first failure, which comes so long after its attempt
			t.After = Window{t.After.Lo - takes, t.After.Hi - takes}
		}
	}
	if out.Many.Trips != nil || out.Many.Fresh {
		out.Many.Recovers = max(out.Many.Recovers, policies.Breaker.Timeout+c.Sends.Every+takes)
	}
	return out
}

// limit is how long an attempt may take at most before its timeout ends it or its caller leaves; false for any time.
func (o Outlook) limit() (d time.Duration, ok bool) {
	if finite(o.Timeout) {
		d, ok = *o.Timeout, true
	}
	if o.Patience > 0 && (!ok || o.Patience < d) {
		d, ok = o.Patience, true
	}
	return d, ok
}

// slower says what a slower link is for an attempt.
func (o Outlook) slower() string {
	takes := 2 * o.Latency
	limit, limited := o.limit()
	leaves := limited && limit == o.Patience && !(finite(o.Timeout) && *o.Timeout == limit)
	switch {
	case !limited:
		return fmt.Sprintf("An order takes %s longer. There is no timeout: however slow the link is, no attempt fails of it, nothing is retried and no breaker opens.", short(takes))
	case !o.Slow && leaves:
		return fmt.Sprintf("An order takes %s longer, and no policy acts. From %s each way on its caller would leave before it is answered.", short(takes), short(limit/2))
	case !o.Slow:
		return fmt.Sprintf("An order takes %s longer, and no policy acts. From %s each way on an attempt would come to its timeout of %s, and fail.", short(takes), short(limit/2), short(limit))
	case takes == limit && leaves:
		return fmt.Sprintf("An answer takes %s, just as long as its caller waits; where the caller leaves first, what follows holds.", short(takes))
	case takes == limit:
		return fmt.Sprintf("An answer takes %s, just as long as an attempt's timeout; where that ends it first, what follows holds.", short(takes))
	case leaves:
		return fmt.Sprintf("An answer takes %s, and the caller leaves after %s: no order is accepted, though each comes to the target and may be carried out.", short(takes), short(limit))
	}
	return fmt.Sprintf("An answer takes %s, and an attempt's timeout of %s ends it before: each attempt fails, though its request comes to the target and may be carried out.", short(takes), short(limit))
}
