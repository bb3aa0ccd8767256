package lint

func l30() Rule {
	return Rule{
		ID: "L30", Severity: Warning, Link: pageTargets,
		Title:  "circuitBreakerScope: both behaves as id",
		Reason: "daprd accepts both, and keeps one breaker for each actor, as for id. There is none for the type.",
		Effect: "a type whose every actor fails is not noticed as a whole: each actor's breaker counts from zero",
		Mend:   "circuitBreakerScope: type, or id",
		check: func(c *checking) {
			_, actors := c.res.root.Find("spec", "targets", "actors")
			for _, name := range unique(actors.Keys()) {
				if a := c.res.spec.Actors[name]; a.Scope != "both" || a.Breaker == "" {
					continue
				}
				_, at := actors.Find(name, "circuitBreakerScope")
				c.tell(at, "circuitBreakerScope: both behaves as id", "there is one breaker for each actor of "+name+", and none for the type", "id, if that is meant; else type")
			}
		},
	}
}
