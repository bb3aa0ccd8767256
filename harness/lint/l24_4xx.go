package lint

func l24() Rule {
	return Rule{
		ID: "L24", Severity: Note, Link: pageBreakers,
		Title:  "a breaker counts 4xx answers as failures",
		Reason: "Anything outside 200–399 is a failure to a breaker, whether or not matching leaves it out of the retries. No field changes that.",
		Effect: "callers that send bad requests can open the breaker for all others",
		Mend:   "know it; a target that answers 404 in its everyday life is better without a breaker",
		check: func(c *checking) {
			seen := map[string]bool{}
			for _, u := range c.res.uses() {
				if u.breaker == nil || seen[u.breaker.Name] || u.kind != forApp && u.kind != forDefault {
					continue
				}
				seen[u.breaker.Name] = true
				key, _ := c.res.policy(kindBreaker, u.breaker.Name)
				if !key.Set() {
					key = u.at
				}
				c.tell(key, u.breaker.Name+" counts answers of 400–499 as failures", "callers of "+u.who()+" that send bad requests can open it for all others on the same path", "nothing in the spec prevents it: answer 2xx or 3xx where it is no failure")
			}
		},
	}
}
