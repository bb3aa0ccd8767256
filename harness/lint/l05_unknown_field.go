package lint

import (
	"fmt"
	"strings"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/problem"
)

func l05() Rule {
	return Rule{
		ID: "L05", Severity: Error, Link: pageOverview,
		Title:  "a field that daprd doesn't know",
		Reason: "daprd ignores unknown fields without a word. Wrong case alone is read by daprd (that is a note), but refused or dropped by Kubernetes.",
		Effect: "the field is ignored, and its default is in force",
		Mend:   "correct the field's name",
		Shown:  "in memory",
		check: func(c *checking) {
			c.pass(Error, func(p problem.Problem) string {
				if strings.HasPrefix(p.Hint, "remove it") {
					return "daprd ignores it without a word"
				}
				return "daprd ignores it without a word; what it should have set has its default"
			}, document.Unknown)
			for _, o := range c.res.doc.OtherCase {
				key := o.At.Path()[lastDot(o.At.Path()):]
				c.say(Note, o.At, fmt.Sprintf("%s is written in another case than %s", key, o.Name),
					"daprd reads it all the same; Kubernetes refuses or drops it as an unknown field", "write "+o.Name)
			}
		},
	}
}

// lastDot is where the last name of a path begins.
func lastDot(path string) int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' {
			return i + 1
		}
	}
	return 0
}
