package oracle

import (
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Reading is a case as the checks see it: operations with their attempts, deliveries, faults, what was said.
// It is made in one pass over the history.
type Reading struct {
	Case
	Slack Slack

	up     time.Duration // when everything was up; 0 where that is not told
	Loaded bool          // the load was started
	Began  time.Duration // when it was
	Ended  time.Duration // when the teardown began; the last event where it never did

	Operations []*Operation // by their start
	Deliveries []*Exchange  // requests to apps

	Orphans      []*Exchange // attempts between sidecars that belong to no operation
	Unattributed []*Exchange // attempts that may belong to more than one
	Faults       []*Fault
	Breakers     []*Breaker // by caller, target and path, in the order of their first operation
	Said         []Said     // what sidecars say, in the order of time
	Strange      []*Said    // transitions of breakers that nobody passes

	lines     []history.Event
	policies  []history.Event
	ready     []history.Event
	exits     []history.Event
	comings   []history.Event   // ready and exits in the order of time
	away      map[role][]window // when parts were gone
	problems  []history.Event
	timedOut  []history.Event        // waits that gave up
	exchanges map[string][]*Exchange // by link, by their start
	behind    map[string]int         // requests that were seen behind the run's end, by link
	metrics   []*reportCard          // what sidecars counted, each time they were asked
	heard     map[string]bool        // services whose sidecars said anything at all
	dials     map[string][]window    // by link: connections that never carried a request
	accepts   map[string][]accept    // by link: connections, by when they began
}

// An Exchange is one request on one link, with what came of it.
type Exchange struct {
	Link     *scenario.Link
	Op, ID   string
	Path     string
	Request  history.Event
	Response *history.Event // its head
	Complete *history.Event // its last byte
	Close    *history.Event // the connection's end, where that came before the last byte

	limit   time.Duration // of an attempt: the policy's timeout, 0 for none
	counted *window       // of an attempt that never crossed the link: when it began at the earliest, and was over at the latest
}

// Start is when the request's head was seen, or the attempt had been counted.
func (x *Exchange) Start() time.Duration { return x.Request.At }

// End is when the exchange was over, and false where the run's end came first.
func (x *Exchange) End() (time.Duration, bool) {
	switch {
	case x.Complete != nil:
		return x.Complete.At, true
	case x.Close != nil:
		return x.Close.At, x.Close.Text != "teardown"
	}
	return 0, false
}

// over is when the exchange was over for who asked: not before from, and at at as the tap saw it. A head of an
// answer may be enough for a sidecar to go on. A connection's end is noted by the tap once both sides have ended
// it, a moment after who asked knows of it.
func (x *Exchange) over(s Slack) (from, at time.Duration, ended bool) {
	at, ended = x.End()
	switch {
	case !ended:
		return 0, 0, false
	case x.counted != nil:
		return x.counted.lo, at, true
	case x.Response != nil:
		from = min(x.Response.At, at)
	default:
		from = max(x.Start(), at-s.most())
	}
	if x.limit > 0 { // an answer that comes when the timeout has fired is nobody's
		from = min(from, max(x.Start(), x.Start()+x.limit-s.most()))
	}
	return from, at, true
}

// Status is that of the answer, 0 where there is none.
func (x *Exchange) Status() int {
	if x.Response == nil {
		return 0
	}
	return x.Response.Status
}

// Own tells whether the answer is an error of the answering sidecar itself, not its app's answer.
func (x *Exchange) Own() bool { return x.Response != nil && x.Response.Error != "" }

// Answered tells whether the answer came whole.
func (x *Exchange) Answered() bool { return x.Complete != nil }

// OK tells whether the exchange succeeded as Dapr counts it: a whole answer of 200–399.
func (x *Exchange) OK() bool { return x.Answered() && !resiliency.Failed(x.Status()) }

// Failed tells whether the exchange ended, and not well.
func (x *Exchange) Failed() bool {
	_, ended := x.End()
	return ended && !x.OK()
}

// delivered tells whether a request reached the app itself, which took it: not the door in front of it, whose answer a
// fault may be.
func (x *Exchange) delivered() bool { return x.OK() && x.Response.Attr("fault") == "" }

// broke tells whether an answer broke off behind a head that tells no failure. It ends an operation, and whoever asked
// may have counted it as a success by its head, or as a failure by its end.
func (x *Exchange) broke() bool {
	_, ended := x.End()
	return ended && x.Response != nil && !x.Answered() && !x.Own() && !resiliency.Failed(x.Status())
}

// last is the event that ended the exchange, or its request.
func (x *Exchange) last() history.Event {
	switch {
	case x.Complete != nil:
		return *x.Complete
	case x.Close != nil:
		return *x.Close
	}
	return x.Request
}

// An Operation is one request of an app to its own sidecar, and the attempts that its sidecar makes of it.
type Operation struct {
	Exchange
	Caller   string // the service whose sidecar it is
	Target   string // the app id that is called
	Policies resiliency.Policies
	Attempts []*Exchange
	Turns    []turn // what the policies say comes after each attempt

	breaker      *Breaker // that it passes; nil for none
	torn         bool     // its connection was ended by a fault on its own link
	mayBeRefused bool     // where it ended without an attempt that was due, its breaker's refusal excuses that
}

// Accepted tells whether the caller was told that all is well (2xx).
func (o *Operation) Accepted() bool { return o.Answered() && o.Status()/100 == 2 }

// Probe tells whether it is an order of the harness's own.
func (o *Operation) Probe() bool { return strings.HasPrefix(o.ID, "probe-") }

// A Fault is one of the plan's, as it went.
type Fault struct {
	scenario.Fault
	Injected, Applied, Healing, Healed *history.Event
}

// Over is when the fault's target was ready again: the last of its parts' readiness, or the healing of a link.
func (r *Reading) Over(f *Fault) (at history.Event, ok bool) {
	if f.Healed == nil {
		return at, false
	}
	at = *f.Healed
	if f.Link != "" || f.Healing == nil || f.Kind == scenario.Pause {
		return at, true
	}
	found := false
	for _, e := range r.ready {
		if r.hits(f, e) && e.At >= f.Healing.At && e.At <= f.Healed.At && (!found || e.At > at.At) {
			at, found = e, true
		}
	}
	return at, true
}

// hits tells whether an event is about a part that a fault is about.
func (r *Reading) hits(f *Fault, e history.Event) bool {
	return f.Service != "" && e.Service == f.Service && (f.Part == "" || e.Part == f.Part)
}

// first is the first fault's injection; the run's end where there is none.
func (r *Reading) first() time.Duration {
	at := r.Ended
	for _, f := range r.Faults {
		if f.Injected != nil {
			at = min(at, f.Injected.At)
		}
	}
	return at
}
