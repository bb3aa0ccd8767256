package lint

import (
	"fmt"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func l22() Rule {
	return Rule{
		ID: "L22", Severity: Warning, Link: pageRetries,
		Title:  "an exponential retry ends after 15 minutes, -1 or not",
		Reason: "An exponential retry gives up when its elapsed time and the next gap would pass 15 minutes, whatever maxRetries says. No field changes that.",
		Effect: "an outage of more than 15 minutes ends the operation with an error",
		Mend:   "policy: constant, if it is to go on for ever",
		check: func(c *checking) {
			_, retries := c.res.root.Find("spec", "policies", "retries")
			for _, name := range unique(retries.Keys()) {
				r, ok := c.res.spec.Retries[name]
				if !ok || isBuiltin(name) || r.Policy != resiliency.Exponential || c.res.unreadable("spec.policies.retries."+name) {
					continue
				}
				key, _ := c.res.policy(kindRetry, name)
				at := c.res.field(kindRetry, name, "maxRetries", c.res.field(kindRetry, name, "policy", key))
				if !c.res.has(kindRetry, name, "maxRetries") {
					at = c.res.field(kindRetry, name, "policy", key)
				}
				switch {
				case r.MaxRetries == resiliency.Forever:
					c.tell(at, name+" is exponential, and for ever", "it is not for ever: the operation ends with an error once the next gap would pass 15 minutes", "policy: constant for one without an end; a number for one that says when it ends")
				case shortest(r, r.MaxRetries) > resiliency.MaxElapsed:
					c.tell(at, fmt.Sprintf("%s is exponential, with %d retries", name, r.MaxRetries), fmt.Sprintf("they can't all happen: at least %s would go by, and it ends when the next gap would pass 15 minutes", span(shortest(r, r.MaxRetries))), "fewer retries, or policy: constant")
				}
			}
		},
	}
}
