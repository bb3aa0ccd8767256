package lint

import (
	"fmt"
	"slices"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/resiliency"
)

func l32() Rule {
	return Rule{
		ID: "L32", Severity: Note, Link: pageDefaults,
		Title:  "a policy that nothing uses, or that is almost named like a default",
		Reason: "A policy acts where a target names it, or by a name that Dapr knows (DefaultRetryPolicy, DefaultAppTimeoutPolicy, …), letter by letter.",
		Effect: "the policy has no effect",
		Mend:   "name it in a target, correct its name, or remove it",
		check: func(c *checking) {
			used := c.res.group.namesInUse()
			for _, kind := range []string{kindTimeout, kindRetry, kindBreaker} {
				_, policies := c.res.root.Find("spec", "policies", kind)
				defaults := defaultNames(kind)
				for _, name := range unique(policies.Keys()) {
					if slices.Contains(defaults, name) {
						continue
					}
					key, _ := policies.Find(name)
					near := almost(name, defaults)
					switch {
					case near != "":
						c.tell(key, fmt.Sprintf("%s is almost %s", name, near), "it is no default: it acts only where a target names it", "did you mean "+near+"?")
					case !used[kind+"/"+name]:
						c.tell(key, fmt.Sprintf("nothing uses the %s %s", words[kind], name), "it has no effect", "name it in a target, or remove it")
					}
				}
			}
		},
	}
}

// namesInUse are the policies that some target of a group names.
func (g *group) namesInUse() map[string]bool {
	if g.used == nil {
		g.used = map[string]bool{}
		for _, res := range g.resources {
			note := func(t resiliency.Target) {
				g.used[kindTimeout+"/"+t.Timeout], g.used[kindRetry+"/"+t.Retry], g.used[kindBreaker+"/"+t.Breaker] = true, true, true
			}
			for _, t := range res.spec.Apps {
				note(t)
			}
			for _, t := range res.spec.Actors {
				note(t.Target)
			}
			for _, t := range res.spec.Components {
				note(t.Inbound)
				note(t.Outbound)
			}
		}
	}
	return g.used
}

// defaultNames are the names of a kind's policies that act without a target.
//
// https://docs.dapr.io/operations/resiliency/policies/default-policies/
func defaultNames(kind string) []string {
	suffix := map[string]string{kindTimeout: "TimeoutPolicy", kindRetry: "RetryPolicy", kindBreaker: "CircuitBreakerPolicy"}[kind]
	levels := []string{"", "App", "Actor", "Component", "ComponentInbound", "ComponentOutbound"}
	for _, c := range []string{"Binding", "Configuration", "Lock", "Pubsub", "Crypto", "Secretstore", "Statestore", "Conversation"} {
		levels = append(levels, c+"ComponentInbound", c+"ComponentOutbound")
	}
	var out []string
	for _, l := range levels {
		out = append(out, "Default"+l+suffix)
	}
	if kind == kindRetry {
		out = append(out, builtinNames()...)
	}
	return out
}

// almost is the default's name that another one is meant to be; "" where it is none of them.
func almost(name string, defaults []string) string {
	if len(name) < len("DefaultRetry") {
		return ""
	}
	near := document.Nearest(name, defaults)
	if near == "" || document.Distance(name, near) > 3 {
		return ""
	}
	return near
}
