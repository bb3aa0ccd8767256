package lint

import (
	"strings"

	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
)

func l38() Rule {
	return Rule{
		ID: "L38", Severity: Warning, Link: pageRetries,
		Title:  "a number below the least that has a meaning",
		Reason: "daprd reads a negative duration, or fewer retries than −1, without a word.",
		Effect: "a negative duration is as good as 0s (a breaker's timeout: as its default of 60s); maxRetries below −1 is for ever",
		Mend:   "0s for none, -1 for ever",
		check: func(c *checking) {
			c.pass(Warning, func(p problem.Problem) string {
				switch {
				case strings.HasSuffix(p.Field, ".maxRetries"):
					return "daprd reads it without a word, and retries for ever"
				case strings.HasPrefix(p.Field, "spec.policies.circuitBreakers.") && strings.HasSuffix(p.Field, ".timeout"):
					return "daprd reads it without a word, and the default of 60s is in force"
				}
				return "daprd reads it without a word: it is as if it were 0s"
			}, resiliency.Negative)
		},
	}
}
