package oracle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// read makes the reading of a case.
func read(c Case) *Reading {
	r := &Reading{Case: c, behind: map[string]int{}, heard: map[string]bool{}, exchanges: map[string][]*Exchange{}, dials: map[string][]window{}, accepts: map[string][]accept{}}
	b := &builder{
		Reading: r, open: map[key]*Exchange{}, byOp: map[string][]*Operation{}, under: map[*Exchange]*Operation{},
		dialled: map[key]time.Duration{}, began: map[key]time.Duration{}, waiting: map[string][]*Operation{}, faults: map[string]*Fault{}, policies: map[hop]resiliency.Policies{},
	}
	for i := range c.History.Events {
		e := &c.History.Events[i]
		if e.Source == history.Derived {
			continue // what somebody made of the evidence is not evidence
		}
		r.Ended = max(r.Ended, e.At)
		b.event(e)
		if e.Kind == history.KindPhase && e.Text == history.PhaseTeardown {
			r.Ended = e.At
			b.rest(c.History.Events[i+1:])
			break
		}
	}
	b.adopt()
	r.Slack = slack(c.History, r.Began, r.Ended)
	b.hidden()
	r.away = aways(r.comings)
	for _, o := range r.Operations {
		if limit := o.Policies.Timeout; limit != nil {
			for _, x := range o.Attempts {
				x.limit = *limit
			}
		}
		o.Turns = o.turns(r.Slack)
		o.torn = r.torn(o)
	}
	r.Said = testimony(r.lines)
	r.Breakers = breakers(r)
	return r
}

// A builder holds what is needed only while a reading is made.
type builder struct {
	*Reading
	open     map[key]*Exchange        // without an end so far
	under    map[*Exchange]*Operation // the operation that an open exchange is
	byOp     map[string][]*Operation  // by trace id
	waiting  map[string][]*Operation  // by caller: without an end so far
	faults   map[string]*Fault
	dialled  map[key]time.Duration // connections that have carried no request so far, with n 0
	began    map[key]time.Duration // connections, with n 0
	counts   []history.Event
	policies map[hop]resiliency.Policies
}

// A key names one exchange: links number their connections, connections their requests.
type key struct {
	link string
	conn uint64
	n    int64
}

// A hop is who calls whom.
type hop struct{ caller, target string }

func (b *builder) event(e *history.Event) {
	b.dial(e)
	switch e.Kind {
	case history.KindCount:
		b.counts = append(b.counts, *e)
	case history.KindRequest:
		b.request(e)
	case history.KindResponse:
		if x := b.open[key{e.Link, e.Conn, e.Int("n")}]; x != nil {
			x.Response = e
		}
	case history.KindComplete:
		b.end(key{e.Link, e.Conn, e.Int("n")}, func(x *Exchange) { x.Complete = e })
	case history.KindClose:
		if n := e.Int("open"); n > 0 {
			b.end(key{e.Link, e.Conn, n}, func(x *Exchange) { x.Close = e })
		}
	case history.KindPhase:
		b.phase(e)
	case history.KindFault:
		b.fault(e)
	case history.KindLine:
		b.lines = append(b.lines, *e)
		if e.Part == history.Sidecar {
			b.heard[e.Service] = true
		}
	case history.KindPolicy:
		b.Reading.policies = append(b.Reading.policies, *e)
	case history.KindReady:
		b.ready = append(b.ready, *e)
		b.comings = append(b.comings, *e)
	case history.KindExit:
		b.exits = append(b.exits, *e)
		b.comings = append(b.comings, *e)
	case history.KindProblem:
		b.problems = append(b.problems, *e)
	case history.KindMetric:
		b.metric(e)
	}
}

// metric adds a figure to what its sidecar told then.
func (b *builder) metric(e *history.Event) {
	if e.ID == history.MetricsRead || e.Error != "" {
		b.metrics = append(b.metrics, &reportCard{read: *e})
		return
	}
	for i := len(b.metrics) - 1; i >= 0; i-- {
		if c := b.metrics[i]; c.read.Service == e.Service {
			c.figures = append(c.figures, *e)
			return
		}
	}
}

// end closes an exchange.
func (b *builder) end(k key, how func(*Exchange)) {
	x := b.open[k]
	if x == nil {
		return
	}
	how(x)
	delete(b.open, k)
	if o := b.under[x]; o != nil {
		delete(b.under, x)
		b.waiting[o.Caller] = slices.DeleteFunc(b.waiting[o.Caller], func(w *Operation) bool { return w == o })
	}
}

// rest takes from behind the run's end what is about the run: problems, and what must have come before an answer
// that was seen. Events of one instant have no order, so it may be noted behind the end.
func (b *builder) rest(events []history.Event) {
	for i := range events {
		switch e := &events[i]; {
		case e.Source == history.Derived:
		case e.Kind == history.KindProblem:
			b.problems = append(b.problems, *e)
		case e.Kind == history.KindMetric:
			b.metric(e)
		case e.At <= b.Ended+observer && b.behindAnAnswer(e):
			b.event(e)
		case e.Kind == history.KindRequest:
			b.behind[e.Link]++
		}
	}
}

// behindAnAnswer tells whether an event is of an exchange by which an operation came to its answer.
func (b *builder) behindAnAnswer(e *history.Event) bool {
	op := e.Op
	switch e.Kind {
	case history.KindRequest:
	case history.KindResponse, history.KindComplete:
		x := b.open[key{e.Link, e.Conn, e.Int("n")}]
		if x == nil {
			return false
		}
		op = x.Op
	default:
		return false
	}
	return op != "" && slices.ContainsFunc(b.byOp[op], func(o *Operation) bool { return o.Answered() })
}

func (b *builder) phase(e *history.Event) {
	switch {
	case e.Text == history.PhaseUp:
		b.up = e.At
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
	k := key{e.Link, e.Conn, e.Int("n")}
	switch l.Hop {
	case scenario.HopToSidecar:
		if strings.HasPrefix(e.Path, "/v1.0/") && !strings.HasPrefix(e.Path, "/v1.0/invoke/") {
			return // the sidecar's own API
		}
		x = b.operation(x)
	case scenario.HopToPeer:
		b.attempt(x)
	case scenario.HopToApp:
		b.Deliveries = append(b.Deliveries, x)
	}
	b.open[k] = x
	b.exchanges[l.Name] = append(b.exchanges[l.Name], x)
}

// operation starts one: the exchange itself is filled in as its events come.
func (b *builder) operation(x *Exchange) *Exchange {
	o := &Operation{Exchange: *x, Caller: x.Link.From, Target: x.Request.Attr("app")}
	if app, path, ok := strings.Cut(strings.TrimPrefix(x.Request.Path, "/v1.0/invoke/"), "/method/"); ok {
		o.Target, o.Path = app, cleanPath(path)
	}
	h := hop{o.Caller, o.Target}
	p, known := b.policies[h]
	if !known {
		p = b.Spec.For(h.caller, h.target)
		b.policies[h] = p
	}
	o.Policies = p
	b.under[&o.Exchange] = o
	if o.Op != "" {
		b.byOp[o.Op] = append(b.byOp[o.Op], o)
	}
	b.waiting[o.Caller] = append(b.waiting[o.Caller], o)
	b.Operations = append(b.Operations, o)
	return &o.Exchange
}

// attempt gives an attempt to its operation: by its trace id, which callers send and sidecars pass on. Where the
// caller sent none, its sidecar made one: then it is that of the only waiting operation that it can be.
func (b *builder) attempt(x *Exchange) {
	same := b.byOp[x.Op]
	for i := len(same) - 1; i >= 0; i-- { // a caller may send a trace id twice: the latest one asks
		if same[i].Caller == x.Link.From {
			same[i].Attempts = append(same[i].Attempts, x)
			return
		}
	}
	var candidates []*Operation
	for _, o := range b.waiting[x.Link.From] {
		if o.Op == "" && o.Target == x.Link.To && o.Path == x.Path && o.ID == x.ID {
			candidates = append(candidates, o)
		}
	}
	switch {
	case len(candidates) == 1:
		o := candidates[0]
		o.Attempts = append(o.Attempts, x)
		if x.Op != "" { // from here on it is known by what its sidecar named it
			o.Op = x.Op
			b.byOp[x.Op] = append(b.byOp[x.Op], o)
		}
	case len(candidates) > 1:
		b.Unattributed = append(b.Unattributed, x)
	default:
		b.Orphans = append(b.Orphans, x)
	}
}

// adopt gives attempts that were recorded before their operation to it: events of one instant have no order.
func (b *builder) adopt() {
	b.Orphans = slices.DeleteFunc(b.Orphans, func(x *Exchange) bool {
		for _, o := range b.byOp[x.Op] {
			if o.Caller == x.Link.From {
				o.Attempts = append(o.Attempts, x)
				slices.SortStableFunc(o.Attempts, func(a, b *Exchange) int { return cmp.Compare(a.Start(), b.Start()) })
				return true
			}
		}
		return false
	})
}
