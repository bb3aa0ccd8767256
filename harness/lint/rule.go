package lint

import (
	"strings"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/problem"
)

// A Rule is one habit that goes wrong.
type Rule struct {
	ID       string
	Severity Severity // of most of its findings; some say less
	Title    string   // the habit, in a few words
	Reason   string   // why it goes wrong
	Effect   string   // what will happen at run time
	Mend     string
	Link     string // to Dapr's page
	Shown    string // how its effect is shown at run time; "" for rules that are no errors
	// needs says what a finding of this rule needs to be known beyond the spec; nil for nothing.
	needs func(Options) bool
	check func(*checking)
}

// Dapr's pages.
const (
	pageOverview  = "https://docs.dapr.io/operations/resiliency/resiliency-overview/"
	pageTimeouts  = "https://docs.dapr.io/operations/resiliency/policies/timeouts/"
	pageRetries   = "https://docs.dapr.io/operations/resiliency/policies/retries/retries-overview/"
	pageOverride  = "https://docs.dapr.io/operations/resiliency/policies/retries/override-default-retries/"
	pageBreakers  = "https://docs.dapr.io/operations/resiliency/policies/circuit-breakers/"
	pageDefaults  = "https://docs.dapr.io/operations/resiliency/policies/default-policies/"
	pageTargets   = "https://docs.dapr.io/operations/resiliency/targets/"
	pageResources = "https://docs.dapr.io/operations/components/component-scopes/"
	pagePubsub    = "https://docs.dapr.io/developing-applications/building-blocks/pubsub/pubsub-overview/"
)

// Rules are all of them, by id.
func Rules() []Rule {
	return []Rule{
		l00(), l01(), l02(), l03(), l04(), l05(), l06(), l07(), l08(), l09(), l10(), l11(), l12(), l13(), l14(), l15(),
		l16(), l17(), l18(), l19(), l20(), l21(), l22(), l23(), l24(), l25(), l26(), l27(), l28(), l29(), l30(), l31(),
		l32(), l33(), l34(), l35(), l36(), l37(), l38(),
	}
}

// Find gives a rule by its id, in any case.
func Find(id string) (Rule, bool) {
	for _, r := range Rules() {
		if strings.EqualFold(r.ID, id) {
			return r, true
		}
	}
	return Rule{}, false
}

// A checking is a rule at work on a resource.
type checking struct {
	run  *run
	rule *Rule
	res  *resource
}

// tell adds a finding of the rule's own severity.
func (c *checking) tell(at document.Value, what, effect, mend string) {
	c.say(c.rule.Severity, at, what, effect, mend)
}

// say adds a finding.
func (c *checking) say(s Severity, at document.Value, what, effect, mend string) {
	line, column, wide := at.Place()
	c.res.file.add(Finding{
		Rule: c.rule.ID, Severity: s, Line: line, Column: column, EndColumn: column + wide, Resource: c.res.name,
		Field: at.Path(), What: what, Effect: effect, Mend: mend,
	})
}

// pass adds what the readers have found already, of some kinds.
func (c *checking) pass(s Severity, effect func(problem.Problem) string, kinds ...problem.Kind) {
	c.passSome(s, effect, func(problem.Problem) bool { return true }, kinds...)
}

// passSome is pass for those problems of which the rule has something to say.
func (c *checking) passSome(s Severity, effect func(problem.Problem) string, about func(problem.Problem) bool, kinds ...problem.Kind) {
	for _, p := range c.res.doc.Problems {
		for _, k := range kinds {
			if p.Kind != k || !about(p) {
				continue
			}
			mend := p.Hint
			if near, ok := strings.CutPrefix(mend, "did you mean "); ok {
				mend = "write " + strings.TrimSuffix(near, "?")
			}
			if mend == "" {
				mend = c.rule.Mend
			}
			c.res.file.add(Finding{
				Rule: c.rule.ID, Severity: s, Line: p.Line, Column: p.Column, EndColumn: p.Column + p.Width, Resource: c.res.name,
				Field: p.Field, What: sentence(p), Effect: effect(p), Mend: mend,
			})
		}
	}
}

// sentence says a problem with the field's own name before it, where the text begins with a verb.
func sentence(p problem.Problem) string {
	name := p.Field[strings.LastIndex(p.Field, ".")+1:]
	what, _, _ := strings.Cut(p.What, ": the t")
	for _, verb := range []string{"is ", "stands ", "want ", "unknown "} {
		if strings.HasPrefix(what, verb) && name != "" {
			if verb == "unknown " {
				return "unknown field " + name
			}
			return name + ": " + what
		}
	}
	return what
}

// always is an effect that doesn't depend on the finding.
func always(text string) func(problem.Problem) string {
	return func(problem.Problem) string { return text }
}

// clamp keeps a finding's columns within its line, which has so many characters.
func clamp(f *Finding, length int) {
	f.Column = max(1, min(f.Column, length))
	f.EndColumn = max(f.Column+1, min(f.EndColumn, length+1))
}
