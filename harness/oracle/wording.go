package oracle

import (
	"fmt"
	"regexp"
	"strconv"
)

var release = regexp.MustCompile(`^1\.(\d{1,4})(?:[.-]|$)`)

// A wording is how a release of daprd words its lines about retries: a Retrying line tells its interval since 1.10 and
// is a warning since 1.14; Recovered counts attempts since 1.13. So there are four: up to 1.9, up to 1.12, 1.13, and since.
type wording struct {
	version                     string
	tellsInterval, warns, count bool
}

// wordingOf is that of a version; false for one that names no release (edge, a build of somebody's own).
func wordingOf(version string) (wording, bool) {
	m := release.FindStringSubmatch(version)
	if m == nil {
		return wording{}, false
	}
	minor, _ := strconv.Atoi(m[1]) // at most four digits
	return wording{version, minor >= 10, minor >= 14, minor >= 13}, true
}

// wants is what a line should have been; "" where it is as it should be. interval and level are the line's own.
func (w wording) wants(s Said, interval bool, level string) string {
	switch {
	case s.Kind == saidRetrying && w.tellsInterval && !interval:
		return "Retrying in …"
	case s.Kind == saidRetrying && !w.tellsInterval && interval:
		return "Retrying..."
	case s.Kind == saidRetrying && w.warns && level != "warning":
		return "level warning"
	case s.Kind == saidRetrying && !w.warns && level != "info":
		return "level info"
	case s.Kind == saidRecovered && w.count && s.Attempts == 0:
		return "after N attempts"
	case s.Kind == saidRecovered && !w.count && s.Attempts > 0:
		return "no count of attempts"
	}
	return ""
}

// worded examines a line about a retry, and finds that it is not as its version words it.
func (t *tally) worded(s Said, w wording, interval bool, level string) {
	if s.Kind != saidRetrying && s.Kind != saidRecovered {
		return
	}
	t.examined++
	if want := w.wants(s, interval, level); want != "" {
		t.find(Finding{
			What: fmt.Sprintf("a line of %s's sidecar is not worded as daprd %s does", s.Line.Service, w.version),
			Want: want, Got: level + ": " + clip(message(s.Line.Text)), Events: points(s.Line),
		})
	}
}
