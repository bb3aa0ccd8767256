package harness

import (
	"strings"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A deviation is a promise that a sidecar is known to break, how that is recognised, and why it does so. It excuses
// nothing: the verdict fails all the same. It only tells a difference that was expected from one that was not.
type deviation struct {
	check  string
	shows  func(v oracle.Verdict) bool
	reason string
}

// deviations are daprd's. Each was measured.
var deviations = []deviation{
	{
		check:  "recovery",
		shows:  func(v oracle.Verdict) bool { return v.Figures.Uncrossed > 0 },
		reason: "daprd keeps its gRPC connection and dials again by a back-off of its own (1 s, ×1.6, at most 120 s): what it is asked between two dials fails without touching the network, so it recovers at the first attempt after a dial, not at the next one that the policies ask for",
	},
}

// Deviates tells why a result that is no pass was to be expected of a run's sidecar; "" where it was not.
func Deviates(v oracle.Verdict, r oracle.Result) string {
	if !strings.HasPrefix(v.Sidecar, scenario.Daprd) || r.Outcome == oracle.Pass {
		return ""
	}
	for _, d := range deviations {
		if d.check == r.Check && d.shows(v) {
			return d.reason
		}
	}
	return ""
}
