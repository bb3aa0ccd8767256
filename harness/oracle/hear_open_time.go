package oracle

import "fmt"

// heardOpenTime: half-open begins with the first request after the timeout, so there is no upper bound in a log.
var heardOpenTime = HearingCheck{
	Name: openTime.Name,
	Doc:  "between the lines that tell of its opening and of half-open the breaker's timeout goes by",
	Run: func(h *Hearing) Result {
		var t tally
		bound := h.own().Breaker != nil
		for _, v := range h.Voices {
			opened := map[string]*Heard{}
			for _, s := range v.lines {
				if s.Kind != saidChanged {
					continue
				}
				before := opened[s.Breaker]
				opened[s.Breaker] = nil
				if s.To == open {
					opened[s.Breaker] = s
				}
				b := h.policies(v.service, breakerApp(s.Breaker)).Breaker
				if before == nil || b == nil || s.From != open || before.before != s.before {
					continue
				}
				bound = true
				if s.grain == 0 || before.grain == 0 {
					t.doubt("lines tell no time")
					continue
				}
				t.examined++
				if took := s.Line.At - before.Line.At; took < b.Timeout-s.slack() {
					t.find(Finding{
						What: fmt.Sprintf("breaker %s of %s's sidecar was half-open %s after it had opened; its timeout is %s", s.Breaker, v.service, short(took), short(b.Timeout)),
						Want: "at least " + short(b.Timeout), Got: short(took), Events: points(before.Line, s.Line),
					})
				}
			}
		}
		if !bound {
			return notHere("no breaker is in force")
		}
		if t.examined == 0 && len(t.doubts) == 0 && h.apps {
			return notHere("no breaker is told to have gone from open to half-open")
		}
		return t.result()
	},
}
