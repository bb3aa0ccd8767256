package oracle

import "fmt"

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
