package lint

import (
	"fmt"

	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
)

func l07() Rule {
	return Rule{
		ID: "L07", Severity: Error, Link: pageTargets,
		Title:  "an actor's breaker without a circuitBreakerScope",
		Reason: "daprd doesn't choose between one breaker for an actor type and one for each actor.",
		Effect: "daprd logs an error and stops reading there: app targets apply, this actor's and all components' do not",
		Mend:   "circuitBreakerScope: type, or id",
		Shown:  "what the sidecar says at load, in memory; actors are not run here",
		check: func(c *checking) {
			c.pass(Error, func(problem.Problem) string {
				return fmt.Sprintf("daprd logs \"Could not read resiliency policy %s: actor circuit breakers must include scope\": app targets apply, this actor's and all components' do not", c.res.name)
			}, resiliency.NoScope)
		},
	}
}
