package lint

import (
	"slices"
	"strings"

	"github.com/halfopen/halfopen/harness/document"
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
			c.passSome(Error, noPolicy, c.res.defines, resiliency.NoPolicy)
		},
	}
}

// defines tells whether it can be known which policies there are of the kind that a target's field names: not where they
// don't stand in a map. A policy with a value that can't be read is there all the same.
func (res *resource) defines(p problem.Problem) bool {
	kind := map[string]string{"timeout": kindTimeout, "retry": kindRetry, "circuitBreaker": kindBreaker}[p.Field[lastDot(p.Field):]]
	return !slices.ContainsFunc(res.doc.Problems, func(p problem.Problem) bool {
		noMap := p.Kind == document.Type || p.Kind == document.List
		return noMap && (strings.EqualFold(p.Field, "spec.policies") || strings.EqualFold(p.Field, "spec.policies."+kind))
	})
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
