package lint

import (
	"fmt"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func l11() Rule {
	return Rule{
		ID: "L11", Severity: Warning, Link: pageRetries,
		Title:  "maxInterval with constant, or duration with exponential",
		Reason: "A constant retry waits for duration, an exponential one up to maxInterval. Each ignores the other's field. Dapr's quickstart itself has maxInterval: 5s with constant: its 5 s are the default of duration.",
		Effect: "the field is ignored",
		Mend:   "duration: for constant, maxInterval: for exponential",
		check: func(c *checking) {
			_, retries := c.res.root.Find("spec", "policies", "retries")
			for _, name := range unique(retries.Keys()) {
				r, ok := c.res.spec.Retries[name]
				if !ok || c.res.unreadable("spec.policies.retries."+name) {
					continue
				}
				c.ignored(r)
			}
		},
	}
}

func (c *checking) ignored(r resiliency.Retry) {
	if r.Policy == resiliency.Exponential {
		if c.res.has(kindRetry, r.Name, "duration") {
			at, _ := c.res.root.Find("spec", "policies", "retries", r.Name, "duration")
			later := "half as long again each time, and at most " + span(r.MaxInterval)
			if first, _ := r.Gap(1); r.MaxInterval <= 2*first { // to which the cap does not apply
				later = span(r.MaxInterval) + " from then on"
			}
			c.tell(at, "duration has no effect in an exponential retry",
				fmt.Sprintf("it waits 500ms at first, %s, each ±50 %%", later),
				"remove it, or write policy: constant")
		}
		return
	}
	if !c.res.has(kindRetry, r.Name, "maxInterval") {
		return
	}
	at, _ := c.res.root.Find("spec", "policies", "retries", r.Name, "maxInterval")
	if c.res.has(kindRetry, r.Name, "duration") {
		c.tell(at, "maxInterval has no effect in a constant retry",
			fmt.Sprintf("every gap is %s, as duration says", span(r.Duration)), "remove it, or write policy: exponential")
		return
	}
	c.tell(at, "maxInterval has no effect in a constant retry",
		fmt.Sprintf("every gap is %s, the default of duration: another maxInterval changes nothing", span(r.Duration)),
		fmt.Sprintf("duration: %s, or policy: exponential", span(r.MaxInterval)))
}
