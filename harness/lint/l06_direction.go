package lint

import "github.com/halfopen/halfopen/harness/resiliency"

func l06() Rule {
	return Rule{
		ID: "L06", Severity: Error, Link: pageTargets,
		Title:  "a component's policy without inbound or outbound",
		Reason: "Calls to a component and calls from it have policies of their own. What stands beside the two belongs to neither.",
		Effect: "the policy is ignored without a word",
		Mend:   "put it under outbound: (calls of the component) or inbound: (what the component delivers to the app)",
		Shown:  "what the sidecar says at load, in memory; components are not run here",
		check: func(c *checking) {
			c.pass(Error, always("daprd ignores it without a word: calls of the component have no such policy"), resiliency.NoDirection)
		},
	}
}
