package oracle

import (
	"fmt"
	"slices"
)

// heardChanges: what is told of a breaker must be a way through its states. A log may begin anywhere on it.
var heardChanges = HearingCheck{
	Name: breakerLog.Name,
	Doc:  "what is told of a breaker is a way through its states, and only breakers of the spec are told of",
	Run: func(h *Hearing) Result {
		var t tally
		for _, v := range h.Voices {
			now := map[string]*Heard{}
			for _, s := range v.lines {
				if s.Kind != saidChanged || breakerApp(s.Breaker) == "" {
					continue
				}
				t.examined++
				if h.policies(v.service, breakerApp(s.Breaker)).Breaker == nil {
					t.find(Finding{
						What: fmt.Sprintf("%s's sidecar tells of breaker %s, and the spec has none for that app", v.service, s.Breaker),
						Got:  clip(message(s.Line.Text)), Events: points(s.Line),
					})
				}
				t.follows(now[s.Breaker], s, h.apps || s.before > 0)
				now[s.Breaker] = s
			}
		}
		if t.examined == 0 && h.own().Breaker == nil {
			return notHere("no breaker is in force")
		}
		if t.examined == 0 && h.apps {
			return notHere("no breaker is told to have left its closed state")
		}
		return t.result()
	},
}

// follows holds a change against the one before it. fromStart says that the first one was heard.
func (t *tally) follows(before, s *Heard, fromStart bool) {
	state, since := "", ""
	if before != nil {
		state, since = before.To, " as told before"
	}
	if before != nil && before.before != s.before {
		state, since = closed, ", since its sidecar began anew"
	}
	if before == nil && fromStart {
		state, since = closed, ", as each is when its sidecar begins"
	}
	switch {
	case !slices.Contains(changes[:], change{s.From, s.To}):
		t.find(Finding{
			What: fmt.Sprintf("%s's sidecar tells a change of breaker %s that no breaker makes", s.voice.service, s.Breaker),
			Got:  clip(message(s.Line.Text)), Events: points(s.Line),
		})
	case state != "" && s.From != state:
		f := Finding{
			What: fmt.Sprintf("%s's sidecar tells that breaker %s left %s, and it was %s%s", s.voice.service, s.Breaker, s.From, state, since),
			Want: "from " + state, Got: clip(message(s.Line.Text)), Events: points(s.Line),
		}
		if before != nil {
			f.Events = points(before.Line, s.Line)
		}
		t.find(f)
	}
}
