package lint

import "fmt"

func l20() Rule {
	return Rule{
		ID: "L20", Severity: Warning, Link: pageOverride,
		Title:  "an app target without a retry switches the built-in retries off",
		Reason: "Dapr's built-in retries are for apps that no target names. A target wins whole, and what it doesn't name it doesn't have.",
		Effect: "a call that finds the target's sidecar gone fails at once; without the target it would be tried 4 times",
		Mend:   "give the target a retry",
		check: func(c *checking) {
			for _, u := range c.res.uses() {
				if u.kind != forApp || u.target.Retry != "" {
					continue
				}
				c.tell(u.at, fmt.Sprintf("%s has a target without a retry", u.name),
					"the built-in retries are off for it: a call that finds its sidecar restarting fails at once, where it was tried 4 times before there was a target",
					"retry: a policy with maxRetries: 3 and duration: 1s is what it had")
			}
		},
	}
}
