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
		Reason: "Apps without a target keep Dapr's built-in retries (3, a second apart, where the target's sidecar can't be reached), and they act within each try of a default policy, for as long as its timeout lets them.",
		Effect: "one call can become 4 · (maxRetries + 1) attempts",
		Mend:   "name the app under targets.apps: a target switches the built-in retries off",
		check: func(c *checking) {
			u, ok := c.res.byDefault()
			if !ok || u.retry == nil || u.retry.MaxRetries == 0 {
				return
			}
			inner := c.reaches(u.timeout)
			key, _ := c.res.policy(kindRetry, u.target.Retry)
			if !key.Set() || inner == 1 { // a resource for more apps has it, and tells
				return
			}
			const mend = "name the apps under targets.apps: a target switches the built-in retries off"
			what := fmt.Sprintf("%s multiplies with the built-in retries", u.target.Retry)
			unless := ""
			if u.breaker != nil && c.run.trip(u.breaker).threshold > 0 {
				unless = fmt.Sprintf(", unless %s opens before: a refusal ends the rest", u.target.Breaker)
			}
			switch r := u.retry; {
			case r.MaxRetries > 0:
				outer := r.MaxRetries + 1
				c.tell(key, what, fmt.Sprintf("where the target's sidecar can't be reached, one call of an app without a target is up to %d × %d = %d attempts%s", inner, outer, outer*inner, unless), mend)
			case r.Policy == resiliency.Exponential:
				c.tell(key, what, fmt.Sprintf("where the target's sidecar can't be reached, one call of an app without a target is up to %d attempts for each of its tries, for 15 minutes%s", inner, unless), mend)
			}
		},
	}
}

// reaches is how many attempts one try of a default policy is at most that finds no sidecar: the first one, and the
// built-in retries for which the timeout (0 for none) leaves time.
func (c *checking) reaches(timeout time.Duration) int {
	r, _ := resiliency.Builtin(builtinService)
	if in := c.res.where(kindRetry, builtinService); in != nil {
		least := r.MaxRetries
		r = in.spec.Retries[builtinService]
		r.MaxRetries = max(r.MaxRetries, least)
	}
	if timeout <= 0 {
		return r.MaxRetries + 1
	}
	after := time.Duration(0)
	for n := 1; n <= r.MaxRetries; n++ {
		gap, _ := r.Gap(n)
		if gap >= timeout-after { // a timer that began later is not the first to end
			return n
		}
		if after += gap; gap == 0 {
			break
		}
	}
	return r.MaxRetries + 1
}

const builtinService = "DaprBuiltInServiceRetries"
