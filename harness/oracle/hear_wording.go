package oracle

// heardWording: Dapr's lines have changed over its releases, and whoever alerts on them must know which to expect.
var heardWording = HearingCheck{
	Name: "log-wording",
	Doc:  "lines about retries are worded as the version of daprd words them",
	Run: func(h *Hearing) Result {
		var t tally
		for _, v := range h.Voices {
			w, known := wordingOf(v.version)
			if !known {
				continue
			}
			for _, s := range v.lines {
				t.worded(s.Said, w, s.gap != "", s.level)
			}
		}
		if t.examined == 0 {
			return notHere("no line about a retry tells a version of daprd")
		}
		return t.result()
	},
}
