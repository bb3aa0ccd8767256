package lint

import "fmt"

func l14() Rule {
	return Rule{
		ID: "L14", Severity: Warning, Link: pageBreakers,
		Title:  "a timeout at least as long as the breaker's interval",
		Reason: "A breaker discards the result of a request that began before its counts were last cleared.",
		Effect: "an attempt that ends by the timeout is never counted: a hung target never opens the breaker",
		Mend:   "an interval longer than several timeouts, or none (0s)",
		check: func(c *checking) {
			seen := map[string]bool{}
			for _, u := range c.res.uses() {
				if u.breaker == nil || u.breaker.Interval <= 0 || u.timeout < u.breaker.Interval {
					continue
				}
				if key := u.target.Timeout + "\x00" + u.target.Breaker; seen[key] {
					continue
				} else {
					seen[key] = true
				}
				at := c.res.field(kindBreaker, u.breaker.Name, "interval", u.at)
				c.tell(at, fmt.Sprintf("the interval of %s is not longer than the timeout of %s", span(u.breaker.Interval), span(u.timeout)),
					fmt.Sprintf("when an attempt at %s times out, the counts have been cleared since it began, and it isn't counted: a hung target never opens the breaker", u.who()),
					fmt.Sprintf("an interval well above %s, or none (0s)", span(u.timeout)))
			}
		},
	}
}
