package oracle

// faultHealed: a run that ends broken says nothing of recovery.
var faultHealed = Check{
	Name: "fault-healed",
	Doc:  "each fault was healed, and what it ended is ready again",
	Run: func(r *Reading) Result {
		if len(r.Faults) == 0 {
			return notHere("no fault was injected")
		}
		var t tally
		for _, f := range r.Faults {
			t.examined++
			if f.Healed == nil {
				t.doubt("%s was not healed before the run ended", f.Fault)
			}
		}
		for _, e := range r.problems {
			t.doubt("the harness met a problem: %s", clip(e.Error))
		}
		return t.result()
	},
}
