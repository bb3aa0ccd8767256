package oracle

import (
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
)

// A Hearing is a history without taps, as the checks of it see it: what sidecars say, and, where it is a timeline,
// what the apps and the driver of the run tell.
type Hearing struct {
	Spec           *resiliency.Spec
	Caller, Target string
	History        *history.History

	Voices   []*voice      // one for each sidecar that speaks
	Orders   []*told       // what the caller's app tells; none in logs
	Receipts []*receipt    // what the target's app tells; none in logs
	Outages  []window      // when the target could not be reached, up to the first order that it got again
	healings []healing     // when it was well again
	counted  []sample      // what the caller's sidecar counted
	every    time.Duration // how often the caller sends
	ended    time.Duration // when the run was ended
	lives    int           // how often the caller's app ended
	apps     bool          // it is a timeline: the apps are heard too
}

// A HearingCheck judges one promise by what was told.
type HearingCheck struct {
	Name string
	Doc  string
	Run  func(*Hearing) Result
}

// HearingChecks are the promises that can be judged without evidence from taps, in the order in which they are told.
func HearingChecks() []HearingCheck {
	return []HearingCheck{
		heardPolicy, heardWording,
		heardGap, heardCount, heardRetries, heardTimeout,
		heardTrips, heardOpen, heardOpenTime, heardHalfOpen, heardCloses, heardChanges,
		heardRecovery, heardAnswers, heardLost, heardDuplicated, heardReordered,
	}
}

// Hear gives the verdict of a history without taps. What can't be judged is unknown, each promise by its name, and
// leaves the rest in force: it passes where nothing failed and something was examined.
func Hear(spec *resiliency.Spec, h *history.History, caller, target string) Verdict {
	v := Verdict{
		Format: "halfopen-verdict/1", Run: h.Header.Run, Scenario: "told by " + caller, Env: h.Header.Env,
		Sidecar: h.Header.Sidecar, Why: []string{}, Results: []Result{}, Story: []Moment{},
	}
	hearing, err := guarded(func() *Hearing { return listen(spec, h, caller, target) })
	if err != nil {
		v.Outcome, v.Why = Unknown, []string{"what was told could not be read: " + err.Error()}
		return v
	}
	examined := 0
	for _, c := range HearingChecks() {
		r, err := guarded(func() Result { return c.Run(hearing) })
		if err != nil {
			r = unknown("the check crashed: %v", err)
		}
		r.Check, r.Doc = c.Name, c.Doc
		if r.Applies && r.Outcome == Pass && r.Examined == 0 {
			r.Outcome, r.Why = Unknown, "there was nothing to examine"
		}
		if r.Applies && r.Outcome == Pass {
			examined += r.Examined
		}
		v.Results = append(v.Results, r)
	}
	concludeHearing(&v, examined)
	return v
}

func concludeHearing(v *Verdict, examined int) {
	failed := false
	var open []string
	for _, r := range v.Results {
		switch {
		case !r.Applies:
		case r.Outcome == Fail:
			failed = true
			v.Why = append(v.Why, r.Check+": "+r.Findings[0].What)
		case r.Outcome == Unknown:
			open = append(open, r.Check)
		}
	}
	if len(open) > 0 {
		v.Why = append(v.Why, "not judged: "+strings.Join(open, ", "))
	}
	switch {
	case failed:
		v.Outcome = Fail
	case examined > 0:
		v.Outcome = Pass
	default:
		v.Outcome = Unknown
	}
}

// needsApps is what is unknown where only sidecars are heard.
func (h *Hearing) needsApps(what string) (Result, bool) {
	if h.apps {
		return Result{}, false
	}
	return unknown("a sidecar's log does not tell %s", what), true
}

// policies are those in force between a sidecar's app and another one.
func (h *Hearing) policies(caller, target string) resiliency.Policies {
	return h.Spec.For(caller, target)
}

// own are the policies that the caller's calls of the target are under.
func (h *Hearing) own() resiliency.Policies { return h.policies(h.Caller, h.Target) }

// voice of the caller's sidecar; nil where it was not heard. A timeline has one.
func (h *Hearing) voice() *voice {
	i := slices.IndexFunc(h.Voices, func(v *voice) bool { return v.service == h.Caller })
	if i < 0 {
		return nil
	}
	return h.Voices[i]
}
