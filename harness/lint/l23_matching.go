package lint

import (
	"fmt"
	"strings"
)

func l23() Rule {
	return Rule{
		ID: "L23", Severity: Warning, Link: pageRetries,
		Title:  "matching where there are no statuses to match",
		Reason: "Status codes come with answers of apps (service invocation, subscriptions, input bindings) and with publishing. Actors, state stores and the built-in retries see errors without them, and those are always retried.",
		Effect: "matching is ignored: every failure is retried",
		Mend:   "use a retry without matching there",
		check: func(c *checking) {
			for _, u := range c.res.uses() {
				if u.retry == nil || len(u.retry.HTTPStatus)+len(u.retry.GRPCStatus) == 0 {
					continue
				}
				kind := c.run.components[u.name]
				what := ""
				switch {
				case u.kind == forActor:
					what = "calls of an actor"
				case u.kind == forOutbound && kind != "" && !strings.HasPrefix(kind, "pubsub."):
					what = "calls of a component of type " + kind
				default:
					continue
				}
				at, _ := u.value.Find("retry")
				c.tell(at, fmt.Sprintf("%s matches statuses, and %s have none", u.retry.Name, what), "matching is ignored: every failure is retried", "a retry without matching for "+u.name)
			}
			for _, name := range builtinNames() {
				if r, ok := c.res.spec.Retries[name]; ok && c.res.has(kindRetry, name, "matching") && len(r.HTTPStatus)+len(r.GRPCStatus) > 0 {
					at, _ := c.res.root.Find("spec", "policies", kindRetry, name, "matching")
					c.tell(at, name+" acts where there is no status to match", "matching is ignored: it retries where the other sidecar can't be reached, and nowhere else", "remove it")
				}
			}
		},
	}
}
