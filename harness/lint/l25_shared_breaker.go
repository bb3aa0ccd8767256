package lint

import "fmt"

func l25() Rule {
	return Rule{
		ID: "L25", Severity: Warning, Link: pageTargets,
		Title:  "two breakers for one component",
		Reason: "daprd keeps one breaker a component, for both directions. Whichever is used first makes it.",
		Effect: "the other breaker's settings never apply, and failures of one direction stop the other",
		Mend:   "name the same breaker for both, or for one only",
		check: func(c *checking) {
			_, components := c.res.root.Find("spec", "targets", "components")
			for _, name := range unique(components.Keys()) {
				t := c.res.spec.Components[name]
				if t.Inbound.Breaker == "" || t.Outbound.Breaker == "" || t.Inbound.Breaker == t.Outbound.Breaker {
					continue
				}
				_, in := components.Find(name, "inbound", "circuitBreaker")
				_, at := components.Find(name, "outbound", "circuitBreaker")
				if in.Line() > at.Line() {
					at = in
				}
				c.tell(at, fmt.Sprintf("inbound and outbound of %s name different breakers", name),
					"they share one: the direction that is used first decides which, and failures of one direction stop the other", "the same breaker for both, or for one only")
			}
		},
	}
}
