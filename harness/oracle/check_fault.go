package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// faultEffective is the negative control: where nothing was broken, nothing was shown.
var faultEffective = Check{
	Name: "fault-effective",
	Doc:  "each fault of the plan was injected and its effect is seen in the evidence",
	Run: func(r *Reading) Result {
		planned := 0
		for _, s := range r.Plan.Scenario.Timeline {
			if s.Fault != nil {
				planned++
			}
		}
		if planned == 0 {
			return notHere("the plan has no fault")
		}
		var t tally
		for _, f := range r.Faults {
			t.examined++
			if why := r.effect(f); why != "" {
				t.doubt("%s showed no effect: %s", f.Fault, why)
			}
		}
		if t.examined < planned {
			t.doubt("%d of %d faults were injected", t.examined, planned)
		}
		return t.result()
	},
}

// effect says why no effect of a fault is seen; "" where one is.
func (r *Reading) effect(f *Fault) string {
	if f.Injected == nil || f.Applied == nil {
		return "it was never applied"
	}
	until := r.Ended
	if f.Healing != nil {
		until = f.Healing.At
	}
	if (f.Kind == scenario.Stop || f.Kind == scenario.Kill || f.Kind == scenario.Restart) && !r.partsEnded(f) {
		return "not every part of " + f.Target() + " ended"
	}
	if f.Kind == scenario.Restart {
		return "" // it is back at once: that its parts have ended is all there is to see
	}
	if r.silences(f) {
		return r.silence(f, until)
	}
	seen := 0
	for _, xs := range r.across(f) {
		for _, x := range xs[from(xs, f.Injected.At):] {
			if x.Start() > until {
				break
			}
			if end, ended := x.End(); ended && end < f.Injected.At {
				continue
			}
			seen++
			if r.bitten(f, x, until) {
				return ""
			}
		}
	}
	if seen == 0 {
		return "nothing crossed " + f.Target() + " meanwhile"
	}
	return fmt.Sprintf("what crossed %s meanwhile went as if nothing were (%d requests)", f.Target(), seen)
}

func (r *Reading) partsEnded(f *Fault) bool {
	ended := map[string]bool{}
	for _, e := range r.exits {
		if r.hits(f, e) && e.At >= f.Injected.At {
			ended[e.Part] = true
		}
	}
	if f.Part != "" {
		return ended[f.Part]
	}
	return ended[history.App] && ended[history.Sidecar]
}

// silences tells whether a fault ends a caller's app: then what shows is that it sends nothing.
func (r *Reading) silences(f *Fault) bool {
	s := r.Plan.Scenario.Service(f.Service)
	return s != nil && s.Sends != nil && f.Part != history.Sidecar
}

func (r *Reading) silence(f *Fault, until time.Duration) string {
	xs := r.exchanges[f.Service+"->sidecar"]
	for _, x := range xs[from(xs, f.Applied.At):] {
		if x.Start() > r.late(f.Applied.At) && x.Start() < until && !strings.HasPrefix(x.ID, "probe-") {
			return f.Service + " went on sending"
		}
	}
	return ""
}

// across are the exchanges on the links that a fault is about: its own, or those to the parts it ends.
func (r *Reading) across(f *Fault) [][]*Exchange {
	var out [][]*Exchange
	for i := range r.Plan.Links {
		l := &r.Plan.Links[i]
		switch {
		case f.Link != "" && l.Name == f.Link,
			f.Service == l.To && f.Part != history.App && l.Hop != scenario.HopToApp,
			f.Service == l.To && f.Part != history.Sidecar && l.Hop == scenario.HopToApp:
			out = append(out, r.exchanges[l.Name])
		}
	}
	return out
}

// from is where in a link's exchanges those begin that may not have been over at a moment.
func from(xs []*Exchange, at time.Duration) int {
	i, _ := slices.BinarySearchFunc(xs, at, func(x *Exchange, at time.Duration) int { return cmp.Compare(x.Start(), at) })
	for i > 0 && !xs[i-1].overBefore(at) {
		i--
	}
	return i
}

func (x *Exchange) overBefore(at time.Duration) bool {
	end, ended := x.End()
	return ended && end < at
}

// left tells whether who asked did not wait for the answer.
func (x *Exchange) left() bool {
	return x.Response == nil && x.Close != nil && x.Close.Attr("by") == "client"
}

func (x *Exchange) lasted(end time.Duration) time.Duration { return end - x.Start() }

// usual is how long an exchange on a link took at most before a moment.
func (r *Reading) usual(link string, before time.Duration) time.Duration {
	var most time.Duration
	for _, x := range r.exchanges[link] {
		if end, ended := x.End(); ended && end < before && x.OK() {
			most = max(most, end-x.Start())
		}
	}
	return most
}

// bitten tells whether an exchange shows what a fault does.
func (r *Reading) bitten(f *Fault, x *Exchange, until time.Duration) bool {
	end, ended := x.End()
	switch f.Kind {
	case scenario.Refuse, scenario.Reset, scenario.Limit, scenario.Cut:
		if x.Hidden() { // nobody could be reached, so nothing crossed
			return true
		}
	}
	switch f.Kind {
	case scenario.Refuse:
		return x.Close != nil && x.Close.Attr("by") == "tap"
	case scenario.Respond:
		return x.Response != nil && x.Response.Attr("fault") == f.Name
	case scenario.Slow:
		return x.Start() >= f.Applied.At && (ended || x.Response != nil) && x.lasted(end) >= f.Delay-r.Slack.Lower || !x.Answered()
	case scenario.Bandwidth, scenario.Slice, scenario.SlowClose:
		return x.Start() >= f.Applied.At && ended && x.lasted(end) > 2*r.usual(x.Link.Name, f.Injected.At)+r.Slack.Lower || !x.Answered()
	case scenario.Latency:
		return x.left() || x.Response != nil && x.Start() >= f.Applied.At && x.Response.At-x.Start() >= f.Delay-f.Jitter-r.Slack.Lower
	case scenario.Cut, scenario.Pause, scenario.Hang:
		return !x.Answered() || (ended && end >= until-r.Slack.Lower)
	}
	return x.Failed() || !ended
}
