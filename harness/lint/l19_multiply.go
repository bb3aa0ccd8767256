package lint

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func l19() Rule {
	return Rule{
		ID: "L19", Severity: Warning, Link: pageDefaults,
		Title:  "a default retry policy multiplies with the built-in retries",
		Reason: "Apps without a target keep Dapr's built-in retries (3, a second apart, where the target's sidecar can't be reached), and a default policy acts within each of them.",
		Effect: "one call can become 4 · (maxRetries + 1) attempts",
		Mend:   "name the app under targets.apps: a target switches the built-in retries off",
		check: func(c *checking) {
			u, ok := c.res.byDefault()
			if !ok || u.retry == nil || u.retry.MaxRetries == 0 {
				return
			}
			retries, _ := c.builtin()
			outer := retries + 1
			key, _ := c.res.policy(kindRetry, u.target.Retry)
			if !key.Set() { // a resource for more apps has it, and tells
				return
			}
			const mend = "name the apps under targets.apps: a target switches the built-in retries off"
			what := fmt.Sprintf("%s multiplies with the built-in retries", u.target.Retry)
			unless := ""
			if u.breaker != nil && c.run.trip(u.breaker).threshold > 0 {
				unless = fmt.Sprintf(", unless %s opens before: a refusal ends both", u.target.Breaker)
			}
			switch r := u.retry; {
			case r.MaxRetries > 0:
				inner := r.MaxRetries + 1
				c.tell(key, what, fmt.Sprintf("where the target's sidecar can't be reached, one call of an app without a target is up to %d × %d = %d attempts%s", outer, inner, outer*inner, unless), mend)
			case r.Policy == resiliency.Exponential:
				c.tell(key, what, fmt.Sprintf("where the target's sidecar can't be reached, one call of an app without a target is tried for %d × 15 minutes%s", outer, unless), mend)
			}
		},
	}
}

// builtin is how many built-in retries there are, and how far apart.
func (c *checking) builtin() (retries int, gap time.Duration) {
	const fewest = 3
	if in := c.res.where(kindRetry, builtinService); in != nil {
		r := in.spec.Retries[builtinService]
		_, gap = r.Gap(longRun)
		return max(r.MaxRetries, fewest), gap
	}
	return fewest, time.Second
}

const builtinService = "DaprBuiltInServiceRetries"
