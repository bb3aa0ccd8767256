package lint

import "github.com/halfopen/halfopen/harness/resiliency"

func l04() Rule {
	return Rule{
		ID: "L04", Severity: Error, Link: pageBreakers,
		Title:  "a trip that is not a condition, or mixes whole numbers with fractions",
		Reason: "All counts are whole numbers, and CEL does not convert: 0.6 * requests is an error each time it is evaluated. So is a trip whose value is a number.",
		Effect: "the trip is false wherever the value is needed: the breaker never opens for it, and nothing is logged",
		Mend:   "stay with whole numbers (totalFailures * 10 > requests * 6), or convert: double(totalFailures) > 0.6 * double(requests)",
		Shown:  "in memory",
		check: func(c *checking) {
			c.pass(Error, always("the trip is false wherever this is needed: the breaker never opens for it, and nothing is logged"), resiliency.TripType)
		},
	}
}
