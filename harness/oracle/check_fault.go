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
			if _, why := r.effect(f); why != "" {
				t.doubt("%s showed no effect: %s", f.Fault, why)
			}
		}
		if t.examined < planned {
			t.doubt("%d of %d faults were injected", t.examined, planned)
		}
		return t.result()
	},
}

// effect gives the first event that shows a fault's effect, or says why none is seen. That a paused caller sends
// nothing is shown by no event: it is the moment of the application then.
func (r *Reading) effect(f *Fault) (shown *history.Event, why string) {
	if f.Injected == nil || f.Applied == nil {
		return shown, "it was never applied"
	}
	until := r.Ended
	if f.Healing != nil {
		until = f.Healing.At
	}
	ends, exit := endsParts(f.Kind), r.firstExit(f)
	if ends && !r.partsDown(f, until) {
		return shown, "not every part of " + f.Target() + " ended"
	}
	if f.Kind == scenario.Restart { // it is back at once: that its parts have ended is all there is to see
		if exit == nil {
			return shown, f.Target() + " was away already"
		}
		return exit, ""
	}
	if r.silences(f) {
		if ends && exit != nil {
			return exit, r.silence(f, until)
		}
		return f.Applied, r.silence(f, until)
	}
	bitten, seen := r.firstBitten(f, until)
	switch {
	case seen == 0:
		return shown, "nothing crossed " + f.Target() + " meanwhile"
	case bitten == nil:
		return shown, fmt.Sprintf("what crossed %s meanwhile went as if nothing were (%d requests)", f.Target(), seen)
	case ends && exit != nil:
		return exit, ""
	}
	return bitten.shows(f), ""
}

// firstBitten is the exchange that shows first what a fault does, on any of its links; nil where none of those seen
// does.
func (r *Reading) firstBitten(f *Fault, until time.Duration) (first *Exchange, seen int) {
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
				if first == nil || x.shows(f).At < first.shows(f).At {
					first = x
				}
				break
			}
		}
	}
	return first, seen
}

// shows is the event of a bitten exchange that shows a fault: the answer, where that is what is wrong; the request,
// where it is that none came; else the end.
func (x *Exchange) shows(f *Fault) *history.Event {
	switch f.Kind {
	case scenario.Respond, scenario.Latency:
		if x.Response != nil {
			return x.Response
		}
	case scenario.Cut, scenario.Pause, scenario.Hang:
		return x.Request
	}
	return x.last()
}

// firstExit is the first end of a part that a fault ends; nil where another fault had ended them all before.
func (r *Reading) firstExit(f *Fault) (first *history.Event) {
	for _, e := range r.exits {
		if r.hits(f, e) && f.during(e) {
			return e
		}
	}
	return first
}

// severs tells whether a fault is on a link to a target, or ends the target's sidecar behind it.
func (f *Fault) severs(link, target string) bool {
	return f.Link == link || f.Service == target && f.Part != history.App
}

// during tells whether an event lies between the fault's injection and the end of its healing.
func (f *Fault) during(e *history.Event) bool {
	return e.At >= f.Injected.At && (f.Healed == nil || e.At <= f.Healed.At)
}

// An Effect is when a fault of the plan first showed, and the event that shows it.
type Effect struct {
	Fault scenario.Fault
	At    time.Duration // never before its injection, where the event began before it
	Event Event
}

// Effects gives the first evidence of each fault that was seen to do anything, by the rule of the check
// fault-effective.
func Effects(c Case) []Effect {
	if c.History == nil {
		return nil
	}
	out, _ := guarded(func() []Effect {
		var out []Effect
		r := read(c)
		for _, f := range r.Faults {
			if shown, why := r.effect(f); why == "" {
				out = append(out, Effect{Fault: f.Fault, At: max(shown.At, f.Injected.At), Event: point(shown)})
			}
		}
		return out
	})
	return out
}

// partsDown tells whether each part that a fault ends has ended under it, or was away already, by another fault, and
// was not back before this one was healed.
func (r *Reading) partsDown(f *Fault, until time.Duration) bool {
	down := map[string]bool{}
	for _, e := range r.exits {
		if r.hits(f, e) && f.during(e) {
			down[e.Part] = true
		}
	}
	for _, part := range []string{history.App, history.Sidecar} {
		if (f.Part == "" || f.Part == part) && !down[part] && !r.absent(f.Service, part, f.Injected.At, until) {
			return false
		}
	}
	return true
}

// silences tells whether a fault ends a caller's app: then what shows is that it sends nothing.
func (r *Reading) silences(f *Fault) bool {
	s := r.Plan.Scenario.Service(f.Service)
	return s != nil && s.Sends != nil && f.Part != history.Sidecar
}

func (r *Reading) silence(f *Fault, until time.Duration) string {
	xs := r.on(f.Service + "->sidecar").exchanges
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
			out = append(out, r.on(l.Name).exchanges)
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
	return x.Response == nil && x.by == "client"
}

func (x *Exchange) lasted(end time.Duration) time.Duration { return end - x.Start() }

// usual is how long an exchange on a link took at most before a moment.
func (r *Reading) usual(link string, before time.Duration) time.Duration {
	var most time.Duration
	for _, x := range r.on(link).exchanges {
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
		return x.by == "tap"
	case scenario.Respond:
		return x.Response != nil && x.fault == f.Name
	case scenario.Slow:
		return x.Start() >= f.Applied.At && (ended || x.Response != nil) && x.lasted(end) >= f.Delay-r.Slack.Lower || !x.Answered()
	case scenario.Bandwidth, scenario.Slice, scenario.SlowClose:
		return x.Start() >= f.Applied.At && ended && x.lasted(end) > 2*r.usual(x.Link.Name, f.Injected.At)+r.Slack.Lower || !x.Answered()
	case scenario.Latency:
		return x.left() || x.by == byKeepalive || x.Response != nil && x.Start() >= f.Applied.At && x.Response.At-x.Start() >= f.Delay-f.Jitter-r.Slack.Lower
	case scenario.Cut, scenario.Pause, scenario.Hang:
		return !x.Answered() || (ended && end >= until-r.Slack.Lower)
	}
	return x.Failed() || !ended
}
