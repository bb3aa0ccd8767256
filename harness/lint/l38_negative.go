package lint

import "github.com/halfopen/halfopen/harness/resiliency"

func l38() Rule {
	return Rule{
		ID: "L38", Severity: Warning, Link: pageRetries,
		Title:  "a number below the least that has a meaning",
		Reason: "daprd reads a negative duration, or fewer retries than −1, without a word.",
		Effect: "a negative duration is none at all; maxRetries below −1 is for ever",
		Mend:   "0s for none, -1 for ever",
		check: func(c *checking) {
			c.pass(Warning, always("daprd reads it without a word: a negative duration is none at all, and any maxRetries below 0 is for ever"), resiliency.Negative)
		},
	}
}
