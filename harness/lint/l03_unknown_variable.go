package lint

import (
	"strings"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func l03() Rule {
	return Rule{
		ID: "L03", Severity: Error, Link: pageBreakers,
		Title:  "a trip uses a name that daprd doesn't know",
		Reason: "A trip is CEL over five counts, whose names are exact. Any other name loads, and is an error each time it is evaluated.",
		Effect: "the trip is false wherever the value is needed: the breaker never opens for it, and nothing is logged",
		Mend:   "use " + strings.Join(resiliency.Variables(), ", "),
		Shown:  "scenario trip-that-never-fires, and in memory",
		check: func(c *checking) {
			c.pass(Error, always("the trip is false wherever this is needed: the breaker never opens for it, and nothing is logged"), resiliency.NoVariable)
		},
	}
}
