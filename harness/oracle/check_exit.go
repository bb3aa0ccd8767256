package oracle

import "fmt"

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
