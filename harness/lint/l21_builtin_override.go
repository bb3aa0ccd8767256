package lint

import (
	"fmt"
	"slices"
)

func l21() Rule {
	return Rule{
		ID: "L21", Severity: Warning, Link: pageOverride,
		Title:  "a built-in policy that is made weaker, or can't be changed",
		Reason: "A built-in retry policy may be raised, not lowered; −1, and none given (which is −1), are lower. DaprBuiltInActorNotFoundRetries can't be changed.",
		Effect: "daprd resets the number of retries to 3, or ignores the policy",
		Mend:   "maxRetries: 3 or more",
		check: func(c *checking) {
			for _, name := range builtinNames() {
				r, ok := c.res.spec.Retries[name]
				if !ok || c.res.unreadable("spec.policies.retries."+name) {
					continue
				}
				key, _ := c.res.policy(kindRetry, name)
				if name == builtinProtected {
					c.tell(key, name+" can't be overridden", "daprd logs a warning, ignores the policy, and uses its own", "remove it")
					continue
				}
				const fewest = 3
				if r.MaxRetries >= fewest {
					continue
				}
				at := c.res.field(kindRetry, name, "maxRetries", key)
				what := fmt.Sprintf("%s with maxRetries: %d", name, r.MaxRetries)
				if !c.res.has(kindRetry, name, "maxRetries") {
					what = name + " without maxRetries, which is -1"
				}
				c.tell(at, what, "daprd logs \"did not meet minimum retry count\", and resets it to 3", "maxRetries: 3 or more; it can't be for ever")
			}
		},
	}
}

const builtinProtected = "DaprBuiltInActorNotFoundRetries"

// builtinNames are the names of all retries that Dapr brings itself.
func builtinNames() []string {
	return []string{builtinService, builtinProtected, "DaprBuiltInActorRetries", "DaprBuiltInActorReminderRetries", "DaprBuiltInInitializationRetries"}
}

func isBuiltin(name string) bool { return slices.Contains(builtinNames(), name) }
