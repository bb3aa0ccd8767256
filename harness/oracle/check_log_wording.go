package oracle

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/halfopen/halfopen/harness/scenario"
	written "github.com/halfopen/halfopen/harness/testimony"
)

// logWording: whoever alerts on daprd's lines must know which to expect of the release that runs. Its version is what
// the line itself tells, as all of daprd's do but those on a terminal, else what the program told before the run.
var logWording = Check{
	Name: "log-wording",
	Doc:  "lines about retries are worded as the version of daprd that ran words them",
	Run: func(r *Reading) Result {
		if r.History.Header.Sidecar != scenario.Daprd {
			return notHere("the sidecar is not daprd")
		}
		var t tally
		odd, asked := "", strings.TrimPrefix(r.History.Header.SidecarVersion, "v")
		for _, s := range r.Said {
			if s.Kind != saidRetrying && s.Kind != saidRecovered {
				continue
			}
			line := written.Parse(s.Line.Text)
			version := strings.TrimPrefix(cmp.Or(line.Version, asked), "v")
			if version != asked {
				t.find(Finding{
					What: fmt.Sprintf("a line of %s's sidecar tells version %s, and daprd told %s before the run", s.Line.Service, version, asked),
					Want: asked, Got: version, Events: points(s.Line),
				})
			}
			if w, known := wordingOf(version); known {
				t.worded(s, w, toldGap.MatchString(line.Message), line.Level)
			} else {
				odd = version
			}
		}
		switch {
		case t.examined > 0 || len(t.findings) > 0:
			return t.result()
		case odd != "":
			return notHere("version %s names no release", odd)
		}
		return notHere("no sidecar tells of a retry")
	},
}
