package oracle

import (
	"fmt"
	"regexp"

	"github.com/halfopen/halfopen/harness/history"
)

// attemptsBelong: an attempt that nobody asked for, or that can't be told apart, breaks the count.
var attemptsBelong = Check{
	Name: "attempts-belong",
	Doc:  "each attempt between sidecars belongs to an operation that a caller began",
	Run: func(r *Reading) Result {
		var t tally
		for _, o := range r.Operations {
			t.examined += len(o.Attempts)
		}
		for _, x := range r.Orphans {
			t.examined++
			t.find(Finding{What: fmt.Sprintf("an attempt on %s belongs to no operation (trace id %q)", x.Link.Name, x.Op), Events: points(x.Request)})
		}
		for _, x := range r.Unattributed {
			t.doubt("an attempt on %s may belong to more than one operation, since they carry no trace id", x.Link.Name)
		}
		if t.examined == 0 && len(r.Operations) == 0 {
			return notHere("no order was sent")
		}
		return t.result()
	},
}

// unaskedExit: a part that ends by itself makes everything else hard to read.
var unaskedExit = Check{
	Name: "unasked-exit",
	Doc:  "no app and no sidecar ended but by the plan",
	Run: func(r *Reading) Result {
		var t tally
		t.examined = len(r.ready)
		for _, e := range r.exits {
			if e.Attr("wanted") == "true" || e.At > r.Ended {
				continue
			}
			if !r.Loaded {
				t.doubt("%s/%s ended before the load: %s", e.Service, e.Part, e.Text)
			} else {
				t.find(Finding{What: fmt.Sprintf("%s/%s ended by itself: %s", e.Service, e.Part, e.Text), Events: points(e)})
			}
		}
		return t.result()
	},
}

// waitsEnded: what the timeline waited for came about.
var waitsEnded = Check{
	Name: "waits-ended",
	Doc:  "what the timeline waited for was seen in time",
	Run: func(r *Reading) Result {
		if !r.Loaded {
			return notHere("the load was never started")
		}
		var t tally
		for _, s := range r.Plan.Scenario.Timeline {
			if s.Wait != nil {
				t.examined++
			}
		}
		for _, e := range r.timedOut {
			i := int(e.Int("step"))
			what := "a wait"
			if i < len(r.Plan.Scenario.Timeline) {
				what = r.Plan.Scenario.Timeline[i].String()
			}
			t.find(Finding{What: fmt.Sprintf("step %d gave up: %s", i+1, what), Events: points(e)})
		}
		if t.examined == 0 {
			return notHere("the timeline has no wait")
		}
		return t.result()
	},
}

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
			var found []history.Event
			for _, e := range r.lines {
				if e.Service == l.Service && e.Part == l.Part && (match.MatchString(e.Text) || match.MatchString(message(e.Text))) {
					found = append(found, e)
				}
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
