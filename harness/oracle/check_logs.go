package oracle

import (
	"fmt"
	"regexp"

	"github.com/halfopen/halfopen/harness/history"
)

// expectLogs: lines that only the scenario can know.
var expectLogs = Check{
	Name: "expect-logs",
	Doc:  "the lines that the scenario expects were printed",
	Run: func(r *Reading) Result {
		if len(r.Plan.Scenario.Expect.Logs) == 0 {
			return notHere("the scenario expects no lines")
		}
		var t tally
		for _, l := range r.Plan.Scenario.Expect.Logs {
			t.examined++
			match, err := regexp.Compile(l.Match)
			if err != nil {
				t.doubt("%s: %v", l.Match, err)
				continue
			}
			var found []*history.Event
			for _, e := range r.lines {
				if e.Service == l.Service && e.Part == l.Part && (match.MatchString(e.Text) || match.MatchString(message(e.Text))) {
					found = append(found, e)
				}
			}
			if len(found) < max(l.Times, 1) && !r.Loaded && len(r.problems) > 0 {
				t.doubt("the run broke off before its load, so %s/%s had no time to print %q", l.Service, l.Part, l.Match)
				continue
			}
			if len(found) == 0 || (l.Times > 0 && len(found) != l.Times) {
				want := "at least once"
				if l.Times > 0 {
					want = fmt.Sprintf("%d times", l.Times)
				}
				t.find(Finding{
					What: fmt.Sprintf("%s/%s printed %q %d times", l.Service, l.Part, l.Match, len(found)), Want: want,
					Got: fmt.Sprintf("%d times", len(found)), Events: points(found[:min(len(found), 5)]...),
				})
			}
		}
		return t.result()
	},
}
