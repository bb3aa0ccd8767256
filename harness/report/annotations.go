package report

import (
	"fmt"
	"strings"

	"github.com/halfopen/halfopen/harness/oracle"
)

// mostAnnotations is how many of a kind GitHub shows of one step.
const mostAnnotations = 10

// Annotations tell what is not kept as workflow commands, a line each: GitHub shows them at the line of the scenario
// or spec that makes the promise. where gives a file's path in the repository, "" where it is not in there.
//
// https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
func Annotations(in Input, where func(file string) string) []byte {
	var b strings.Builder
	v, told := in.Verdict, map[string]int{}
	say := func(kind, check, text string) {
		if told[kind]++; told[kind] > mostAnnotations {
			return
		}
		place := ""
		if p, ok := in.Places[check]; ok {
			if file := where(p.File); file != "" {
				place = fmt.Sprintf(",file=%s,line=%d", property(file), p.Line)
			}
		}
		fmt.Fprintf(&b, "::%s title=%s%s::%s\n", kind, property(plain(v.Scenario)+": "+check), place, data(plain(text)))
	}
	for _, r := range v.Results {
		switch {
		case !r.Applies || r.Outcome == oracle.Pass || in.expected(r):
		case r.Outcome == oracle.Fail && r.Severity != oracle.Warn:
			say("error", r.Check, firstWhat(r))
		case r.Outcome == oracle.Fail:
			say("warning", r.Check, firstWhat(r))
		default:
			say("warning", r.Check, "could not be judged: "+r.Why)
		}
	}
	for _, why := range v.Why {
		if aside(why) && !strings.HasPrefix(why, "warning: ") && v.Outcome != oracle.Pass {
			say("error", "verdict", why)
		}
	}
	for _, w := range v.Warnings {
		say("warning", "policy-loaded", w)
	}
	return []byte(b.String())
}

// data escapes what stands behind the second pair of colons.
func data(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// property escapes what stands between the pairs of colons.
func property(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(text)
}
