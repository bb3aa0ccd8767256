package lint

import (
	"strings"

	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
)

func l02() Rule {
	return Rule{
		ID: "L02", Severity: Error, Link: pageTargets,
		Title:  "a target names a policy that isn't defined",
		Reason: "daprd looks policies up by name at each call, and a name that it doesn't find is no error.",
		Effect: "the target has no policy of that kind, without a word; a component's breaker makes daprd crash at its first use",
		Mend:   "define the policy, or correct the name (names are exact, their case too)",
		Shown:  "in memory; a component's crash can't be shown here, where components are not run",
		check: func(c *checking) {
			if !c.res.unreadable("spec.policies") { // else nobody knows what is defined
				c.pass(Error, noPolicy, resiliency.NoPolicy)
			}
		},
	}
}

func noPolicy(p problem.Problem) string {
	switch {
	case strings.HasPrefix(p.Field, "spec.targets.components.") && strings.HasSuffix(p.Field, ".circuitBreaker"):
		return "daprd crashes (nil dereference) when the component is used for the first time"
	case strings.HasSuffix(p.Field, ".retry") && strings.HasPrefix(p.Field, "spec.targets.apps."):
		return "the target has no retry, and no built-in retries either, since there is a target; nothing is logged"
	}
	return "the target has no policy of this kind; its other policies work, and nothing is logged"
}
