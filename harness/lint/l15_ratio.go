package lint

import "fmt"

func l15() Rule {
	return Rule{
		ID: "L15", Severity: Warning, Link: pageBreakers,
		Title:  "a ratio of whole numbers, or without a minimum of requests",
		Reason: "Counts are whole numbers: totalFailures / requests is 0 as long as anything succeeds. And the first request after the counts are cleared makes a ratio of 100 % if it fails.",
		Effect: "the breaker opens only when everything fails, or at the very first failure",
		Mend:   "requests >= 10 && totalFailures * 100 / requests > 50",
		check: func(c *checking) {
			_, breakers := c.res.root.Find("spec", "policies", "circuitBreakers")
			for _, name := range unique(breakers.Keys()) {
				if b, ok := c.res.spec.Breakers[name]; ok {
					c.ratio(c.run.trip(&b), name)
				}
			}
		},
	}
}

func (c *checking) ratio(t tripOf, name string) {
	if !t.ok {
		return
	}
	_, at := c.res.root.Find("spec", "policies", "circuitBreakers", name, "trip")
	if !at.Set() {
		return
	}
	const mend = "requests >= 10 && totalFailures * 100 / requests > 50"
	switch {
	case t.WholeDivision():
		c.tell(at, "one count is divided by another, and the fraction is lost", "whole numbers have no fractions: the quotient is 0 until the upper count has reached the lower one", mend)
	case t.threshold == 0 && t.DividesBySuccesses():
		c.tell(at, "the trip divides by totalSuccesses", "while nothing has succeeded it divides by zero, and is false: in a total outage the breaker never opens", "divide by requests: "+mend)
	case t.threshold == 1 && t.Ratio():
		c.tell(at, "a ratio without a minimum of requests", fmt.Sprintf("the first request of %s, if it fails, is 100 %%: a single failure after the counts were cleared opens the breaker", name), mend)
	}
}
