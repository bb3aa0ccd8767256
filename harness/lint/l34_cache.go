package lint

import (
	"fmt"
	"strings"
)

func l34() Rule {
	return Rule{
		ID: "L34", Severity: Note, Link: pageTargets,
		Title:  "fewer breakers than paths",
		Reason: "There is one breaker for each path of an app, and room for circuitBreakerCacheSize of them, 100 by default. The least recently used one goes, with its state. The number of paths is known from --scenario or --paths.",
		Effect: "a breaker that makes room for another forgets its failures, and that it was open",
		Mend:   "a circuitBreakerCacheSize of at least the number of paths; ids in the query instead of the path",
		needs:  func(o Options) bool { return o.Paths > 0 || o.Scenario != nil },
		check: func(c *checking) {
			for _, u := range c.res.uses() {
				if u.kind != forApp && u.kind != forDefault || u.breaker == nil {
					continue
				}
				at := u.at
				if key, _ := u.value.Find("circuitBreakerCacheSize"); key.Set() {
					at = key
				}
				size := max(u.target.CacheSize, 1)
				mend := fmt.Sprintf("circuitBreakerCacheSize: %d", c.run.options.Paths)
				if u.kind == forDefault {
					mend = "a target for the app, and there " + mend
				}
				if c.pathAnOrder(u) {
					c.tell(at, fmt.Sprintf("each order to %s has a path of its own", u.who()),
						"so each has a breaker of its own, which sees one order only: no outage is seen as a whole", "the id in the query or in the body, not in the path")
				} else if n := c.run.options.Paths; n > size {
					c.tell(at, fmt.Sprintf("%s has room for %s, and %d paths", u.who(), times(size, "breaker", "breakers"), n),
						"the least recently used breaker goes, and with it that it was open", mend)
				}
			}
		},
	}
}

// pathAnOrder tells whether the scenario's callers have another path for each order to an app that a use is about.
func (c *checking) pathAnOrder(u use) bool {
	s := c.run.options.Scenario
	if s == nil {
		return false
	}
	for _, v := range s.Callers() {
		path, _, _ := strings.Cut(v.Sends.Path, "?")
		if c.about(u, v.Sends.To) && strings.Contains(path, "{{") {
			return true
		}
	}
	return false
}
