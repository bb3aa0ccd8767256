package lint

import (
	"fmt"
	"strings"
)

func l33() Rule {
	return Rule{
		ID: "L33", Severity: Note, Link: pagePubsub,
		Title:  "a retry of deliveries stacks on the broker's redelivery",
		Reason: "A pub/sub's inbound retry repeats the delivery to the app within the sidecar. When it gives up, the broker delivers again, and the retry begins anew.",
		Effect: "a message that the app refuses is delivered (maxRetries + 1) times for each delivery of the broker",
		Mend:   "few retries, and the broker's own redelivery or a dead-letter topic for the rest",
		check: func(c *checking) {
			for _, u := range c.res.uses() {
				kind, known := c.run.components[u.name]
				if u.kind != forInbound || u.retry == nil || u.retry.MaxRetries == 0 || known && !strings.HasPrefix(kind, "pubsub.") {
					continue
				}
				at, _ := u.value.Find("retry")
				effect := "the sidecar retries for ever, and keeps the message from the broker's redelivery and from a dead-letter topic"
				if u.retry.MaxRetries > 0 {
					effect = fmt.Sprintf("where the broker delivers n times, a message that the app refuses comes n × %d times", u.retry.MaxRetries+1)
				}
				c.tell(at, fmt.Sprintf("if %s is a pub/sub, %s stacks on the broker's redelivery", u.name, u.retry.Name), effect, "few retries here, or none")
			}
		},
	}
}
