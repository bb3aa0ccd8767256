package lint

import (
	"fmt"
	"slices"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
)

func l10() Rule {
	return Rule{
		ID: "L10", Severity: Error, Link: pageOverview,
		Title:  "a kind that is not Resiliency",
		Reason: "daprd picks files by their kind, and passes over all others; a List of resources, as kubectl prints and applies it, is one of the others (a note where the file is for kubectl, nothing with --kubernetes). It does not look at apiVersion, and does without a name (both are warnings); Kubernetes does not.",
		Effect: "the file is skipped without a word",
		Mend:   "kind: Resiliency",
		Shown:  "in memory",
		check: func(c *checking) {
			c.listed()
			c.pass(Error, always("daprd skips the file without a word: nothing of it applies"), resiliency.BadKind)
			c.pass(Warning, always("daprd doesn't look at it; Kubernetes refuses the resource"), resiliency.BadVersion)
			for _, p := range c.res.doc.Problems {
				if p.Kind == document.Missing {
					c.missing(p)
				}
			}
		},
	}
}

// listed tells of a resource within a list.
func (c *checking) listed() {
	if c.res.item == 0 || c.run.options.Kubernetes {
		return
	}
	severity := Error
	if c.res.file.foreign {
		severity = Note
	}
	c.say(severity, c.res.root, fmt.Sprintf("the resource is item %d of a list", c.res.item),
		"daprd skips a file of this kind without a word: from a folder, the resource is not loaded; kubectl applies it", "give it a file of its own, or lint with --kubernetes what is for kubectl")
}

// missing tells of a field that isn't there; but not of spec, where another one that was meant for it has been told.
func (c *checking) missing(p problem.Problem) {
	severity, effect := Warning, ""
	switch p.Field {
	case "kind":
		severity, effect = Error, "daprd skips the file without a word: nothing of it applies"
	case "apiVersion":
		effect = "daprd doesn't look at it; Kubernetes refuses the resource"
	case "metadata", "metadata.name":
		if _, meta := c.res.root.Find("metadata"); p.Field == "metadata.name" && !meta.Set() {
			return
		}
		effect = "logs and metrics name the resource \"\"; Kubernetes refuses it"
	case "spec":
		for _, key := range c.res.root.Keys() {
			if !slices.Contains([]string{"apiVersion", "kind", "metadata", "scopes"}, key) && document.Nearest(key, []string{"spec"}) != "" {
				return
			}
		}
		effect = "the resource loads, and there is nothing in it"
	default:
		return
	}
	c.res.file.add(Finding{
		Rule: c.rule.ID, Severity: severity, Line: p.Line, Column: p.Column, EndColumn: p.Column + 1, Resource: c.res.name,
		Field: p.Field, What: p.Field + " is missing", Effect: effect, Mend: p.Hint,
	})
}
