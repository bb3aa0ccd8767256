package harness

import (
	"slices"
	"strings"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A deviation is a promise that a sidecar is known to break, and why it does so: the oracle names it as the cause of a
// finding where the evidence shows it. It excuses nothing: the verdict fails all the same. It only tells a difference
// that was expected from one that was not.
type deviation struct {
	check  string
	cause  string // of each of its findings
	reason string
}

// deviations are daprd's. Each was measured.
var deviations = []deviation{redials}

var redials = deviation{
	check:  "recovery",
	cause:  "redial",
	reason: "daprd keeps its gRPC connection and dials again by a back-off of its own (1 s, ×1.6, at most 120 s): what it is asked between two dials fails without touching the network, so it recovers at the first attempt after a dial, not at the next one that the policies ask for",
}

// Deviates tells why a promise that a run's sidecar broke was to be expected of it; "" where it was not: where no
// finding, or not each of them, is known to come of that.
func Deviates(v oracle.Verdict, r oracle.Result) string {
	if !strings.HasPrefix(v.Sidecar, scenario.Daprd) || r.Outcome != oracle.Fail || len(r.Findings) == 0 {
		return ""
	}
	for _, d := range deviations {
		other := func(f oracle.Finding) bool { return f.Cause != d.cause }
		if d.check == r.Check && !slices.ContainsFunc(r.Findings, other) {
			return d.reason
		}
	}
	return ""
}
