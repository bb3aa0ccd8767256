package lint

import "fmt"

func l36() Rule {
	return Rule{
		ID: "L36", Severity: Note, Link: pageBreakers,
		Title:  "maxRequests above 1: closing takes that many successes",
		Reason: "A half-open breaker admits maxRequests requests in total (one that has ended frees no place), and closes when all of them have succeeded.",
		Effect: "recovery takes that many requests, one after the other for a lone caller; one failure opens it again",
		Mend:   "know it; 1 recovers soonest",
		check: func(c *checking) {
			_, breakers := c.res.root.Find("spec", "policies", "circuitBreakers")
			for _, name := range unique(breakers.Keys()) {
				b := c.res.spec.Breakers[name]
				if b.MaxRequests <= 1 {
					continue
				}
				at, _ := breakers.Find(name, "maxRequests")
				c.tell(at, fmt.Sprintf("maxRequests: %d", b.MaxRequests),
					fmt.Sprintf("half-open, it admits %d requests in total and closes when all %d have succeeded; one failure opens it again, and one that hangs keeps it half-open", b.MaxRequests, b.MaxRequests), "1 recovers soonest")
			}
		},
	}
}
