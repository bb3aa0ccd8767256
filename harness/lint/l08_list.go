package lint

import "github.com/halfopen/halfopen/harness/document"

func l08() Rule {
	return Rule{
		ID: "L08", Severity: Error, Link: pageOverview,
		Title:  "a list where a map is meant",
		Reason: "Policies, targets and matching are maps from a name to its fields. A list (- name: …) is a value of the wrong type.",
		Effect: "daprd logs \"Could not parse resiliency file\", loads nothing of it, and runs on",
		Mend:   "drop the dashes: the name is the key",
		Shown:  "in memory",
		check: func(c *checking) {
			c.pass(Error, c.notRead, document.List)
		},
	}
}
