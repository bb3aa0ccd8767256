package lint

import "fmt"

func l37() Rule {
	return Rule{
		ID: "L37", Severity: Note, Link: pageTimeouts,
		Title:  "a timeout and a retry where callers may stream",
		Reason: "A request with a chunked body can't be sent twice. Since daprd 1.17.2 it is not retried on errors; but when the timeout fires it is, and each retry carries an empty body.",
		Effect: "the target gets requests without a body",
		Mend:   "callers that send a Content-Length, or no retry on such a target",
		check: func(c *checking) {
			if c.run.options.Dapr.Before(Version{1, 17, 2}) {
				return
			}
			for _, u := range c.res.uses() {
				if u.kind != forApp && u.kind != forDefault || u.timeout <= 0 || u.retry == nil || u.retry.MaxRetries == 0 {
					continue
				}
				c.tell(u.at, fmt.Sprintf("if callers of %s stream, a retry after the timeout carries an empty body", u.who()),
					"a chunked request that takes longer than "+span(u.timeout)+" is sent again without its body", "callers that send a Content-Length")
			}
		},
	}
}
