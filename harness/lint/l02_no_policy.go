package lint

import (
	"fmt"
	"slices"
	"strconv"
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
			c.passSome(Error, noPolicy, func(p problem.Problem) bool {
				in, _ := c.narrower(p)
				return c.res.defines(p) && in == nil
			}, resiliency.NoPolicy)
			for _, p := range c.res.doc.Problems {
				if in, name := c.narrower(p); in != nil && c.res.defines(p) {
					what := fmt.Sprintf("no policy %q for all callers: the one in %s is for %s", name, in.file.source.Name, strings.Join(in.scopes, ", "))
					c.res.file.add(Finding{
						Rule: c.rule.ID, Severity: Error, Line: p.Line, Column: p.Column, EndColumn: p.Column + p.Width, Resource: c.res.name, Field: p.Field,
						What: what, Effect: "for other callers " + noPolicy(p), Mend: "define it where all callers of the target load it",
					})
				}
			}
		},
	}
}

// defines tells whether it can be known which policies there are of the kind that a target's field names: not where they
// don't stand in a map. A policy with a value that can't be read is there all the same.
func (res *resource) defines(p problem.Problem) bool {
	kind := policyKind(p)
	return !slices.ContainsFunc(res.doc.Problems, func(p problem.Problem) bool {
		noMap := p.Kind == document.Type || p.Kind == document.List
		return noMap && (strings.EqualFold(p.Field, "spec.policies") || strings.EqualFold(p.Field, "spec.policies."+kind))
	})
}

// narrower finds a resource beside that defines the policy of a name, for some of the callers only; nil where there is none.
func (c *checking) narrower(p problem.Problem) (in *resource, name string) {
	quoted, ok := strings.CutPrefix(p.What, "no policy ")
	if p.Kind != resiliency.NoPolicy || !ok {
		return nil, ""
	}
	quoted, _ = strconv.QuotedPrefix(quoted)
	name, _ = strconv.Unquote(quoted)
	for _, in := range c.res.group.defined[policyKind(p)+"/"+name] {
		if in != c.res && len(in.scopes) > 0 {
			return in, name
		}
	}
	return nil, name
}

// policyKind is under which of policies the policy of a target's field would stand.
func policyKind(p problem.Problem) string {
	return map[string]string{"timeout": kindTimeout, "retry": kindRetry, "circuitbreaker": kindBreaker}[strings.ToLower(p.Field[lastDot(p.Field):])]
}

func noPolicy(p problem.Problem) string {
	field := strings.ToLower(p.Field) // daprd reads fields in any case
	switch {
	case strings.HasPrefix(field, "spec.targets.components.") && policyKind(p) == kindBreaker:
		return "daprd crashes (nil dereference) when the component is used for the first time"
	case strings.HasPrefix(field, "spec.targets.apps.") && policyKind(p) == kindRetry:
		return "the target has no retry, and no built-in retries either, since there is a target; nothing is logged"
	}
	return "the target has no policy of this kind; its other policies work, and nothing is logged"
}
