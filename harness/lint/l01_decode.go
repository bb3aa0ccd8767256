package lint

import (
	"fmt"
	"path"
	"strings"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
)

func l01() Rule {
	return Rule{
		ID: "L01", Severity: Error, Link: pageOverview,
		Title:  "daprd can't read it",
		Reason: "A bad duration, policy, status list or CEL expression, or a value of the wrong type, is an error at load. daprd logs one line and runs on.",
		Effect: "none of the targets that come after the error applies; policies that were read before it stay",
		Mend:   "write what daprd reads: 5s, constant or exponential, 429,500-599, consecutiveFailures > 5",
		Shown:  "scenario spec-that-does-not-load, and in memory",
		check: func(c *checking) {
			c.pass(Error, c.notRead, document.Syntax, document.Type, resiliency.BadValue)
		},
	}
}

// notRead says what daprd makes of a resource that it can't read.
func (c *checking) notRead(p problem.Problem) string {
	file := path.Base(strings.ReplaceAll(c.res.file.source.Name, `\`, "/"))
	switch {
	case p.Kind == document.Syntax:
		return fmt.Sprintf("daprd logs an error about %s, loads nothing of it, and runs on", file)
	case p.Kind != resiliency.BadValue:
		return fmt.Sprintf("daprd logs \"Could not parse resiliency file %s\", loads nothing of it, and runs on", file)
	case strings.HasPrefix(p.Field, "spec.targets.actors."):
		return fmt.Sprintf("daprd logs \"Could not read resiliency policy %s\" and runs on: app targets apply, this actor's and all components' do not", c.res.name)
	}
	return fmt.Sprintf("daprd logs \"Could not read resiliency policy %s\", applies none of its targets, and runs on", c.res.name)
}
