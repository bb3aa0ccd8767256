package oracle

import (
	"slices"
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

	Loaded bool          // the load was started
	Began  time.Duration // when it was
	Ended  time.Duration // when the teardown began; the last event where it never did

	Operations []*Operation // by their start
	Orphans    []*Exchange  // attempts between sidecars that belong to no operation
	Deliveries []*Exchange  // requests to apps
	Faults     []*Fault
	Breakers   []*Breaker // by caller, target and path, in the order of their first attempt
	Said       []Said     // what sidecars say, in the order of time

	lines    []history.Event
	policies []history.Event
	ready    []history.Event
	exits    []history.Event
	problems []history.Event
	timedOut []history.Event // waits that gave up
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
}

// Start is when the request's head was seen.
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

// read makes the reading of a case.
func read(c Case) *Reading {
	r := &Reading{Case: c}
	b := &builder{Reading: r, open: map[key]*Exchange{}, byOp: map[string]*Operation{}, faults: map[string]*Fault{}}
	for i := range c.History.Events {
		e := &c.History.Events[i]
		r.Ended = max(r.Ended, e.At)
		if e.Kind == history.KindPhase && e.Text == history.PhaseTeardown {
			r.Ended = e.At
			b.event(e)
			b.rest(c.History.Events[i+1:])
			break
		}
		b.event(e)
	}
	b.attach()
	r.Slack = slack(c.History.Events, r.Began, r.Ended)
	r.Said = testimony(r.lines)
	r.Breakers = breakers(r)
	return r
}

// A builder holds what is needed only while a reading is made.
type builder struct {
	*Reading
	open     map[key]*Exchange
	attempts []*Exchange
	byOp     map[string]*Operation
	faults   map[string]*Fault
}

// A key names one exchange: links number their connections, connections their requests.
type key struct {
	link string
	conn uint64
	n    int64
}

func (b *builder) event(e *history.Event) {
	switch e.Kind {
	case history.KindRequest:
		b.request(e)
	case history.KindResponse:
		if x := b.open[key{e.Link, e.Conn, e.Int("n")}]; x != nil {
			x.Response = e
		}
	case history.KindComplete:
		if x := b.open[key{e.Link, e.Conn, e.Int("n")}]; x != nil {
			x.Complete = e
		}
	case history.KindClose:
		if x := b.open[key{e.Link, e.Conn, e.Int("open")}]; x != nil && e.Int("open") > 0 {
			x.Close = e
		}
	case history.KindPhase:
		b.phase(e)
	case history.KindFault:
		b.fault(e)
	case history.KindLine:
		b.lines = append(b.lines, *e)
	case history.KindPolicy:
		b.policies = append(b.policies, *e)
	case history.KindReady:
		b.ready = append(b.ready, *e)
	case history.KindExit:
		b.exits = append(b.exits, *e)
	case history.KindProblem:
		b.problems = append(b.problems, *e)
	}
}

// rest takes from behind the run's end only what is about the run.
func (b *builder) rest(events []history.Event) {
	for i := range events {
		if events[i].Kind == history.KindProblem {
			b.problems = append(b.problems, events[i])
		}
	}
}

func (b *builder) phase(e *history.Event) {
	switch {
	case e.Text == history.PhaseLoad:
		b.Loaded, b.Began = true, e.At
	case e.Text == history.PhaseStepDone && e.Attr("timed_out") == "true":
		b.timedOut = append(b.timedOut, *e)
	}
}

func (b *builder) fault(e *history.Event) {
	f := b.faults[e.ID]
	if f == nil {
		f = &Fault{}
		for _, s := range b.Plan.Scenario.Timeline {
			if s.Fault != nil && s.Fault.Name == e.ID {
				f.Fault = *s.Fault
			}
		}
		b.faults[e.ID] = f
		b.Faults = append(b.Faults, f)
	}
	switch e.Text {
	case "injected":
		f.Injected = e
	case "applied":
		f.Applied = e
	case "healing":
		f.Healing = e
	case "healed":
		f.Healed = e
	}
}

func (b *builder) request(e *history.Event) {
	l := b.Plan.Link(e.Link)
	if l == nil {
		return
	}
	x := &Exchange{Link: l, Op: e.Op, ID: e.ID, Path: cleanPath(e.Path), Request: *e}
	b.open[key{e.Link, e.Conn, e.Int("n")}] = x
	switch l.Hop {
	case scenario.HopToSidecar:
		if strings.HasPrefix(e.Path, "/v1.0/") && !strings.HasPrefix(e.Path, "/v1.0/invoke/") {
			return // the sidecar's own API
		}
		b.operation(x, l)
	case scenario.HopToPeer:
		b.attempts = append(b.attempts, x)
	case scenario.HopToApp:
		b.Deliveries = append(b.Deliveries, x)
	}
}

// operation starts one: the exchange itself is filled in as its events come.
func (b *builder) operation(x *Exchange, l *scenario.Link) {
	o := &Operation{Exchange: *x, Caller: l.From, Target: x.Request.Attr("app")}
	if app, path, ok := strings.Cut(strings.TrimPrefix(x.Request.Path, "/v1.0/invoke/"), "/method/"); ok {
		o.Target, o.Path = app, cleanPath(path)
	}
	o.Policies = b.Spec.For(o.Caller, o.Target)
	b.open[key{x.Request.Link, x.Request.Conn, x.Request.Int("n")}] = &o.Exchange
	if o.Op != "" {
		b.byOp[o.Op] = o
	}
	b.Operations = append(b.Operations, o)
}

// attach gives each attempt to its operation. Evidence of the two links is compared only by trace id, never by
// time.
func (b *builder) attach() {
	for _, x := range b.attempts {
		if o := b.byOp[x.Op]; o != nil && o.Caller == x.Link.From {
			o.Attempts = append(o.Attempts, x)
		} else {
			b.Orphans = append(b.Orphans, x)
		}
	}
	byStart := func(a, b *Exchange) int { return int(a.Start() - b.Start()) }
	for _, o := range b.Operations {
		slices.SortStableFunc(o.Attempts, byStart)
	}
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
