package lint

import (
	"fmt"
	"strings"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func l31() Rule {
	return Rule{
		ID: "L31", Severity: Note, Link: pageRetries,
		Title:  "defaults that are in force",
		Reason: "What a policy leaves out has Dapr's default. So has a breaker whose timeout or maxRequests is 0.",
		Effect: "the values that are printed apply",
		Mend:   "write them out where they matter",
		check: func(c *checking) {
			for _, kind := range []string{kindRetry, kindBreaker} {
				_, policies := c.res.root.Find("spec", "policies", kind)
				for _, name := range unique(policies.Keys()) {
					if c.res.unreadable("spec.policies." + kind + "." + name) {
						continue
					}
					defaults := c.defaults(kind, name)
					if len(defaults) == 0 {
						continue
					}
					key, _ := policies.Find(name)
					c.tell(key, fmt.Sprintf("%s leaves %s to the defaults", name, times(len(defaults), "field", "fields")), strings.Join(defaults, ", "), "write out what matters")
				}
			}
		},
	}
}

// defaults are the fields that a policy leaves out, with their values. To a breaker, none given and 0 are the same.
func (c *checking) defaults(kind, name string) (out []string) {
	add := func(field, value string) {
		if !c.res.has(kind, name, field) {
			out = append(out, field+": "+value)
		}
	}
	zero := func(field, value string) {
		add(field, value)
		_, v := c.res.root.Find("spec", "policies", kind, name, field)
		if d, err := resiliency.ParseDuration(v.Raw()); err == nil && d <= 0 {
			out = append(out, fmt.Sprintf("%s: %s (%s counts as left out)", field, value, v.Raw()))
		}
	}
	if kind == kindBreaker {
		if _, ok := c.res.spec.Breakers[name]; ok {
			zero("maxRequests", "1")
			add("interval", "0s (counts are never cleared)")
			zero("timeout", "60s")
			add("trip", "consecutiveFailures > 5")
		}
		return out
	}
	r, ok := c.res.spec.Retries[name]
	if !ok {
		return nil
	}
	add("policy", resiliency.Constant)
	if r.Policy == resiliency.Exponential {
		add("maxInterval", "60s")
	} else {
		add("duration", "5s")
	}
	add("maxRetries", "-1 (for ever)")
	return out
}
