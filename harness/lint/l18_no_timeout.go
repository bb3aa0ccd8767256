package lint

import "fmt"

func l18() Rule {
	return Rule{
		ID: "L18", Severity: Warning, Link: pageTimeouts,
		Title:  "a retry or a breaker without a timeout",
		Reason: "Dapr has no timeout of its own for an app's answer. Retries and breakers act on attempts that have ended.",
		Effect: "an app that hangs is never noticed: no retry, no failure for the breaker, and the caller waits for as long as it hangs",
		Mend:   "give the target a timeout",
		check: func(c *checking) {
			for _, u := range c.res.uses() {
				hopes := ""
				switch {
				case u.kind != forApp && u.kind != forDefault && u.kind != forActor || u.timeout > 0 || c.told(u.target.Timeout):
					continue
				case u.retry != nil && u.retry.MaxRetries != 0 && u.breaker != nil:
					hopes = "a retry and a breaker"
				case u.retry != nil && u.retry.MaxRetries != 0:
					hopes = "a retry"
				case u.breaker != nil:
					hopes = "a breaker"
				default:
					continue
				}
				who, mend := u.who(), fmt.Sprintf("a policy under timeouts, and timeout: its name under %s", u.name)
				if u.kind == forDefault {
					mend = "a timeout named DefaultAppTimeoutPolicy"
				}
				c.tell(u.at, fmt.Sprintf("%s has %s, and no timeout", who, hopes),
					"an attempt at an app that hangs does not end: it is not retried, counts as no failure, and its caller waits for as long", mend)
			}
		},
	}
}

// told tells whether a timeout is named that is missing or can't be read: that is told already.
func (c *checking) told(timeout string) bool {
	return timeout != "" && c.res.where(kindTimeout, timeout) == nil
}
