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

	ticks    []tick
	lines    []*history.Event
	policies []*history.Event
	ready    []*history.Event
	exits    []*history.Event
	comings  []*history.Event  // ready and exits in the order of time
	away     map[role][]window // when parts were gone
	problems []*history.Event
	timedOut []*history.Event // waits that gave up
	links    map[string]*tapped
	metrics  []*reportCard   // what sidecars counted, each time they were asked
	heard    map[string]bool // services whose sidecars said anything at all
	carried  int             // how many numbers there are, see Exchange.carries
	sendings int             // how many numbers there are, see Operation.sends
	named    int             // how many names there are
}

// A tapped link is what was seen on one link.
type tapped struct {
	*scenario.Link             // nil for one that is not in the plan
	exchanges      []*Exchange // by their start
	behind         int         // requests that were seen behind the run's end
	accepts        []accept
	dials          []window // connections that never carried a request
}

// An accept is when a connection began.
type accept struct {
	conn uint64
	at   time.Duration
}

// on is what was seen on a link.
func (r *Reading) on(link string) *tapped {
	if l := r.links[link]; l != nil {
		return l
	}
	return &tapped{}
}

// An Exchange is one request on one link, with what came of it.
type Exchange struct {
	Link     *scenario.Link
	Op, ID   string
	Path     string
	Request  *history.Event
	Response *history.Event // its head
	Complete *history.Event // its last byte
	Close    *history.Event // the connection's end, where that came before the last byte

	// Each check asks for these, and the events lie far from each other.
	start, end time.Duration
	ended      bool
	status     int
	by         string // who closed the connection
	barred     bool   // the connection was refused
	fault      string // that answered in the app's place

	limit   time.Duration // of an attempt: the policy's timeout, 0 for none
	waited  time.Duration // of an attempt that had to wait for a connection, at most, before it crossed
	counted *window       // of an attempt that never crossed the link: when it began at the earliest, and was over at the latest
	asks    *Operation    // that it is; nil for an attempt or a delivery
	trace   name          // its trace id
	id      name          // its order id
	carries int           // exchanges that carry the same order to the same service have the same number
}

// asked notes the request.
func (x *Exchange) asked(e *history.Event) { x.Request, x.start = e, e.At }

// answered notes the answer's head.
func (x *Exchange) answered(e *history.Event) {
	x.Response, x.status, x.fault = e, e.Status, e.Attr("fault")
}

// completed notes the answer's last byte.
func (x *Exchange) completed(e *history.Event) { x.Complete, x.end, x.ended = e, e.At, true }

// closed notes the connection's end before the answer's.
func (x *Exchange) closed(e *history.Event) {
	x.Close, x.end, x.ended = e, e.At, e.Text != "teardown"
	x.by, x.barred = e.Attr("by"), e.Text == "refused"
}

// Start is when the request's head was seen, or the attempt had been counted.
func (x *Exchange) Start() time.Duration { return x.start }

// End is when the exchange was over, and false where the run's end came first.
func (x *Exchange) End() (time.Duration, bool) { return x.end, x.ended }

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
func (x *Exchange) Status() int { return x.status }

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
func (x *Exchange) delivered() bool { return x.OK() && x.fault == "" }

// broke tells whether an answer broke off behind a head that tells no failure. It ends an operation, and whoever asked
// may have counted it as a success by its head, or as a failure by its end.
func (x *Exchange) broke() bool {
	_, ended := x.End()
	return ended && x.Response != nil && !x.Answered() && !x.Own() && !resiliency.Failed(x.Status())
}

// overdue tells whether a whole answer came when the policy's timeout was over, or as good as: whoever asked may have
// given up a moment before.
func (x *Exchange) overdue() bool {
	return x.limit > 0 && x.OK() && x.end-x.start >= x.limit-observer
}

// either tells whether an exchange may have counted as a success or as a failure.
func (x *Exchange) either() bool { return x.broke() || x.overdue() }

// last is the event that ended the exchange, or its request.
func (x *Exchange) last() *history.Event {
	switch {
	case x.Complete != nil:
		return x.Complete
	case x.Close != nil:
		return x.Close
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

	life  int // how often its app had ended before: one that comes back counts its orders anew
	bears int // operations by which a caller sends the same order have the same number
	sends int // and those by which it does so in one life of its app

	blurred      bool      // attempts were made that may be its own or another's
	breaker      *Breaker  // that it passes; nil for none
	torn         bool      // its connection was ended by a fault on its own link
	body         resending // what its sidecar does with it when it tries again
	waited       bool      // it came without a trace id, and may be given one
	mayBeRefused bool      // where it ended without an attempt that was due, its breaker's refusal excuses that
}

// blurred is why nothing is broken for certain about such an operation.
const blurred = "attempts were made that may belong to more than one operation"

// blur gives an attempt that may belong to some operations to none of them.
func (r *Reading) blur(x *Exchange, operations []*Operation) {
	for _, o := range operations {
		o.blurred = true
	}
	r.Unattributed = append(r.Unattributed, x)
}

// blurredOf is an operation of a caller that is blurred; nil where none is.
func (r *Reading) blurredOf(caller string) *Operation {
	for _, o := range r.Operations {
		if o.Caller == caller && o.blurred {
			return o
		}
	}
	return nil
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
func (r *Reading) Over(f *Fault) (at *history.Event, ok bool) {
	if f.Healed == nil {
		return at, false
	}
	at = f.Healed
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
func (r *Reading) hits(f *Fault, e *history.Event) bool {
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
