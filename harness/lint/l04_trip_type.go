package lint

import "github.com/halfopen/halfopen/harness/resiliency"

func l04() Rule {
	return Rule{
		ID: "L04", Severity: Error, Link: pageBreakers,
		Title:  "a trip that is not a condition, or computes with whole numbers and fractions at once",
		Reason: "All counts are whole numbers, and CEL does not convert them for arithmetic: 0.6 * requests is an error each time it is evaluated. So is a comparison with text, and a trip whose value is a number. (Comparing a count with a fraction works: consecutiveFailures >= 3.0.)",
		Effect: "the trip is false wherever the value is needed: the breaker never opens for it, and nothing is logged",
		Mend:   "stay with whole numbers (totalFailures * 10 > requests * 6), or convert: double(totalFailures) > 0.6 * double(requests)",
		Shown:  "in memory",
		check: func(c *checking) {
			c.pass(Error, always("the trip is false wherever this is needed: the breaker never opens for it, and nothing is logged"), resiliency.TripType)
		},
	}
}
