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
	r := &Reading{Case: c, heard: map[string]bool{}, links: map[string]*tapped{}}
	b := &builder{
		Reading: r, open: map[key]*Exchange{}, waiting: map[string][]*Operation{}, names: newNames(len(c.History.Events) / eventsPerName),
		dialled: map[key]time.Duration{}, faults: map[string]*Fault{}, ways: map[hop]way{}, paths: map[string]string{},
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
	r.ticks = ticks(c.History, r.Began, r.Ended)
	r.Slack = slack(c.History, r.ticks)
	b.keepalive()
	b.hidden()
	r.away = aways(r.comings)
	b.number()
	for _, o := range r.Operations {
		o.Turns = b.turns.some(len(o.Attempts))
		o.turn(r.Slack)
		o.torn = r.torn(o)
	}
	r.Said = testimony(r.lines)
	r.Breakers = breakers(r)
	return r
}

// eventsPerName is about how many events there are for each trace id and order id, so that their table need not grow.
const eventsPerName = 5

// A builder holds what is needed only while a reading is made.
type builder struct {
	*Reading
	names   names
	open    map[key]*Exchange       // without an end so far
	waiting map[string][]*Operation // by caller: without a trace id and an end so far
	faults  map[string]*Fault
	dialled map[key]time.Duration // connections that have carried no request so far, with n 0
	counts  []*history.Event
	ways    map[hop]way
	paths   map[string]string // clean, by what was asked for

	exchanges  slab[Exchange]
	operations slab[Operation]
	turns      slab[turn]
}

// A way is what is alike for all calls of a hop.
type way struct {
	policies       resiliency.Policies
	caller, target name
}

// A slab gives out what is made by the hundred thousand, many at a time.
type slab[T any] struct{ left []T }

func (s *slab[T]) some(n int) []T {
	if len(s.left) < n {
		s.left = make([]T, max(n, 256))
	}
	out := s.left[:n:n]
	s.left = s.left[n:]
	return out
}

// A key names one exchange: links number their connections, connections their requests.
type key struct {
	link *tapped
	conn uint64
	n    int64
}

// A hop is who calls whom.
type hop struct{ caller, target string }

func (b *builder) event(e *history.Event) {
	switch e.Kind {
	case history.KindCount:
		b.counts = append(b.counts, e)
	case history.KindAccept:
		b.accept(e)
	case history.KindRequest:
		b.request(e)
	case history.KindResponse:
		if x := b.open[b.key(e, "n")]; x != nil {
			x.answered(e)
		}
	case history.KindComplete:
		if x := b.end(b.key(e, "n")); x != nil {
			x.completed(e)
		}
	case history.KindClose:
		k := b.key(e, "open")
		b.dialledInVain(k, e)
		if k.n > 0 {
			if x := b.end(k); x != nil {
				x.closed(e)
			}
		}
	case history.KindPhase:
		b.phase(e)
	case history.KindFault:
		b.fault(e)
	case history.KindLine:
		b.lines = append(b.lines, e)
		if e.Part == history.Sidecar {
			b.heard[e.Service] = true
		}
	case history.KindPolicy:
		b.policies = append(b.policies, e)
	case history.KindReady:
		b.ready = append(b.ready, e)
		b.comings = append(b.comings, e)
	case history.KindExit:
		b.exits = append(b.exits, e)
		b.comings = append(b.comings, e)
	case history.KindProblem:
		b.problems = append(b.problems, e)
	case history.KindMetric:
		b.metric(e)
	}
}

// metric adds a figure to what its sidecar told then.
func (b *builder) metric(e *history.Event) {
	if e.ID == history.MetricsRead || e.Error != "" {
		b.metrics = append(b.metrics, &reportCard{read: e})
		return
	}
	for i := len(b.metrics) - 1; i >= 0; i-- {
		if c := b.metrics[i]; c.read.Service == e.Service {
			c.figures = append(c.figures, e)
			return
		}
	}
}

// key names the exchange that an event is about, whose number an attribute tells.
func (b *builder) key(e *history.Event, number string) key {
	return key{b.link(e.Link), e.Conn, e.Int(number)}
}

// link is where what is seen on a link is gathered.
func (b *builder) link(name string) *tapped {
	l := b.links[name]
	if l == nil {
		l = &tapped{Link: b.Plan.Link(name)}
		b.links[name] = l
	}
	return l
}

// end gives the exchange that ends, nil for none.
func (b *builder) end(k key) *Exchange {
	x := b.open[k]
	if x == nil {
		return nil
	}
	delete(b.open, k)
	if o := x.asks; o != nil && o.waited {
		b.waiting[o.Caller] = slices.DeleteFunc(b.waiting[o.Caller], func(w *Operation) bool { return w == o })
	}
	return x
}

// rest takes from behind the run's end what is about the run: problems, and what must have come before an answer
// that was seen. Events of one instant have no order, so it may be noted behind the end.
func (b *builder) rest(events []history.Event) {
	for i := range events {
		switch e := &events[i]; {
		case e.Source == history.Derived:
		case e.Kind == history.KindProblem:
			b.problems = append(b.problems, e)
		case e.Kind == history.KindMetric:
			b.metric(e)
		case e.At <= b.Ended+observer && b.behindAnAnswer(e):
			b.event(e)
		case e.Kind == history.KindRequest:
			b.link(e.Link).behind++
		}
	}
}

// behindAnAnswer tells whether an event is of an exchange by which an operation came to its answer.
func (b *builder) behindAnAnswer(e *history.Event) bool {
	var trace name
	switch e.Kind {
	case history.KindRequest:
		trace = b.names.of(e.Op)
	case history.KindResponse, history.KindComplete:
		x := b.open[b.key(e, "n")]
		if x == nil {
			return false
		}
		trace = x.trace
	default:
		return false
	}
	return slices.ContainsFunc(b.names.known[trace].asked, (*Operation).Answered)
}

func (b *builder) phase(e *history.Event) {
	switch {
	case e.Text == history.PhaseUp:
		b.up = e.At
	case e.Text == history.PhaseLoad:
		b.Loaded, b.Began = true, e.At
	case e.Text == history.PhaseStepDone && e.Attr("timed_out") == "true":
		b.timedOut = append(b.timedOut, e)
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
	k := b.key(e, "n")
	delete(b.dialled, key{k.link, k.conn, 0})
	l := k.link.Link
	if l == nil || l.Hop == scenario.HopToSidecar && strings.HasPrefix(e.Path, "/v1.0/") && !strings.HasPrefix(e.Path, invoke) {
		return // the sidecar's own API
	}
	var x *Exchange
	if l.Hop == scenario.HopToSidecar {
		o := &b.operations.some(1)[0]
		o.asks = o
		x = &o.Exchange
	} else {
		x = &b.exchanges.some(1)[0]
	}
	x.Link, x.Op, x.ID, x.Path, x.trace = l, e.Op, e.ID, b.clean(e.Path), b.names.of(e.Op)
	x.id = b.names.order(x.trace, e.ID)
	x.asked(e)
	switch l.Hop {
	case scenario.HopToSidecar:
		b.operation(x.asks)
	case scenario.HopToPeer:
		b.attempt(x)
	case scenario.HopToApp:
		b.Deliveries = append(b.Deliveries, x)
	}
	b.open[k] = x
	k.link.exchanges = append(k.link.exchanges, x)
}

// invoke begins the paths by which an app calls another one through its sidecar.
const invoke = "/v1.0/invoke/"

// clean gives a path as Dapr tells them apart. There are few, and each is asked for often.
func (b *builder) clean(path string) string {
	out, known := b.paths[path]
	if !known {
		out = cleanPath(path)
		b.paths[path] = out
	}
	return out
}

// operation starts one: the exchange itself is filled in as its events come.
func (b *builder) operation(o *Operation) {
	o.Caller, o.Target = o.Link.From, o.Request.Attr("app")
	if o.Request.Attr("chunked") == "true" {
		o.body = resendsChunked(b.History.Header)
	}
	if app, path, ok := strings.Cut(strings.TrimPrefix(o.Request.Path, invoke), "/method/"); ok {
		o.Target, o.Path = app, b.clean(path)
	}
	o.Policies = b.way(o).policies
	if o.trace != 0 {
		b.names.known[o.trace].asked = append(b.names.known[o.trace].asked, o)
	} else {
		o.waited = true
		b.waiting[o.Caller] = append(b.waiting[o.Caller], o)
	}
	b.Operations = append(b.Operations, o)
}

func (b *builder) way(o *Operation) way {
	h := hop{o.Caller, o.Target}
	w, known := b.ways[h]
	if !known {
		w = way{b.Spec.For(h.caller, h.target), b.names.of(h.caller), b.names.of(h.target)}
		b.ways[h] = w
	}
	return w
}

// attempt gives an attempt to its operation: by its trace id, which callers send and sidecars pass on. Where the
// caller sent none, its sidecar made one: then it is that of the only waiting operation that it can be.
func (b *builder) attempt(x *Exchange) {
	for _, o := range slices.Backward(b.names.known[x.trace].asked) { // a caller may send a trace id twice: the latest one asks
		if o.Caller == x.Link.From {
			o.Attempts = append(o.Attempts, x)
			return
		}
	}
	var candidates []*Operation
	for _, o := range b.waiting[x.Link.From] {
		if o.trace == 0 && o.Target == x.Link.To && o.Path == x.Path && o.ID == x.ID {
			candidates = append(candidates, o)
		}
	}
	switch {
	case len(candidates) == 1:
		o := candidates[0]
		o.Attempts = append(o.Attempts, x)
		if x.trace != 0 { // from here on it is known by what its sidecar named it
			o.Op, o.trace = x.Op, x.trace
			b.names.known[x.trace].asked = append(b.names.known[x.trace].asked, o)
		}
	case len(candidates) > 1:
		b.blur(x, candidates)
	default:
		b.Orphans = append(b.Orphans, x)
	}
}

// adopt gives attempts that were recorded before their operation to it: events of one instant have no order.
func (b *builder) adopt() {
	b.Orphans = slices.DeleteFunc(b.Orphans, func(x *Exchange) bool {
		for _, o := range b.names.known[x.trace].asked {
			if o.Caller == x.Link.From {
				o.Attempts = append(o.Attempts, x)
				slices.SortStableFunc(o.Attempts, func(a, b *Exchange) int { return cmp.Compare(a.Start(), b.Start()) })
				return true
			}
		}
		return false
	})
}
