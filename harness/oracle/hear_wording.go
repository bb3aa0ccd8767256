package oracle

import (
	"fmt"
	"regexp"
	"strconv"
)

var release = regexp.MustCompile(`^1\.(\d{1,4})(?:\.|$)`)

// heardWording: Dapr's lines have changed over its releases, and whoever alerts on them must know which to expect.
// A Retrying line tells its interval since 1.10 and is a warning since 1.14; Recovered counts attempts since 1.13.
var heardWording = HearingCheck{
	Name: "log-wording",
	Doc:  "lines about retries are worded as the version of daprd words them",
	Run: func(h *Hearing) Result {
		var t tally
		for _, v := range h.Voices {
			m := release.FindStringSubmatch(v.version)
			if m == nil {
				continue
			}
			minor, _ := strconv.Atoi(m[1]) // at most four digits
			for _, s := range v.lines {
				t.worded(s, minor)
			}
		}
		if t.examined == 0 {
			return notHere("no line about a retry tells a version of daprd")
		}
		return t.result()
	},
}

func (t *tally) worded(s *Heard, minor int) {
	want := ""
	switch {
	case s.Kind == saidRetrying:
		switch gap := s.gap != ""; {
		case gap != (minor >= 10) && minor >= 10:
			want = "Retrying in …"
		case gap != (minor >= 10):
			want = "Retrying..."
		case minor >= 14 && s.level != "warning":
			want = "level warning"
		case minor < 14 && s.level != "info":
			want = "level info"
		}
	case s.Kind == saidRecovered && minor >= 13 && s.Attempts == 0:
		want = "after N attempts"
	case s.Kind == saidRecovered && minor < 13 && s.Attempts > 0:
		want = "no count of attempts"
	case s.Kind != saidRecovered:
		return
	}
	t.examined++
	if want != "" {
		t.find(Finding{
			What: fmt.Sprintf("a line of %s's sidecar is not worded as daprd %s does", s.voice.service, s.voice.version),
			Want: want, Got: s.level + ": " + clip(message(s.Line.Text)), Events: points(s.Line),
		})
	}
}
