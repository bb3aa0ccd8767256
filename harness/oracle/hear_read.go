package oracle

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	written "github.com/halfopen/halfopen/harness/testimony"
)

// A voice is one sidecar that speaks.
type voice struct {
	service  string
	version  string
	lines    []*Heard
	restarts []*history.Event
}

// Heard is one thing that a sidecar says, with what its line tells besides.
type Heard struct {
	Said
	voice  *voice
	level  string
	gap    string        // retrying: the interval as told; "" where the wording has none
	grain  time.Duration // how exact the line's time is; 0 where it has none
	before int           // how often the sidecar was told to start before the line; 0 where its log begins later
}

// told is what the caller's app tells of one request.
type told struct {
	sent, answered *history.Event // empty where it was not told
	sender         string
	life           int // how often the caller's app had ended before: one that comes back counts its orders anew
	start, end     time.Duration
	ended          bool
	receipts       []*receipt
}

func (o *told) id() string   { return cmp.Or(o.sent.ID, o.answered.ID) }
func (o *told) passed() bool { return o.ended && o.answered.Attr("did") == written.Passed }

func (o *told) last() *history.Event {
	if o.ended {
		return o.answered
	}
	return o.sent
}

// A receipt is what the target's app tells of one attempt.
type receipt struct {
	got, over *history.Event
	life      int // as of the caller, then
	ended     bool
	status    int  // of an answer that is an error; 0 for one that is none
	hung      bool // it never answers: the caller's sidecar must give up
}

func (r *receipt) ok() bool { return r.ended && !r.hung && !resiliency.Failed(cmp.Or(r.status, 200)) }

// A healing is when the target was well again, and until when nothing else was broken.
type healing struct {
	event *history.Event
	until time.Duration
}

// A sample of the counter of attempts that the caller's sidecar keeps.
type sample struct {
	at time.Duration
	n  int
}

// hearingSlack is how far apart two sources of a timeline may tell of one thing, and how late a line of a log may be.
const hearingSlack = turnaround

var (
	toldGap     = regexp.MustCompile(`Retrying in (.+)…$`)
	toldVersion = regexp.MustCompile(`(?i)starting dapr runtime -- version (\S+)`)
	toldStart   = regexp.MustCompile(`(?i)^starting dapr runtime|^Loading Resiliency configuration`) // a reload loses all state too
)

// listen makes a hearing of a history.
func listen(spec *resiliency.Spec, hist *history.History, caller, target string) *Hearing {
	h := &Hearing{Spec: spec, Caller: caller, Target: target, History: hist, ended: forever}
	voices := map[string]*voice{}
	down := map[string]*history.Event{} // what is away: a part of the target, a link, a mode
	for i := range hist.Events {
		e := &hist.Events[i]
		switch {
		case e.Kind == history.KindPhase && e.Text == history.PhaseTeardown:
			h.ended = e.At
		case e.Kind == history.KindLine && e.Part == history.Sidecar:
			h.said(voices, e)
		case e.Kind == history.KindLine && e.Service == caller:
			h.apps = true
			h.sent(e)
		case e.Kind == history.KindLine:
			h.apps = true
			h.got(e)
		case e.Kind == history.KindMetric && e.ID == metricSent:
			n, _ := strconv.Atoi(e.Text)
			h.counted = append(h.counted, sample{e.At, n})
		case e.Kind == history.KindExit && e.Service == caller && e.Part == history.App:
			h.lives++
		default:
			h.happened(down, e)
		}
		if h.ended != forever {
			break
		}
	}
	if h.ended == forever && len(hist.Events) > 0 {
		h.ended = hist.Events[len(hist.Events)-1].At
	}
	h.attribute()
	h.every = h.pace()
	return h
}

func (h *Hearing) said(voices map[string]*voice, e *history.Event) {
	k := e.Service + "|" + cmp.Or(e.Attr("replica"), e.Source)
	v := voices[k]
	if v == nil {
		v = &voice{service: e.Service}
		voices[k] = v
		h.Voices = append(h.Voices, v)
	}
	v.version = cmp.Or(e.Attr("version"), v.version)
	text := message(e.Text)
	if toldStart.MatchString(text) {
		v.restarts = append(v.restarts, e)
		if m := toldVersion.FindStringSubmatch(text); m != nil {
			v.version = m[1]
		}
		return
	}
	said, ok := understand(e)
	if !ok {
		return
	}
	s := &Heard{Said: said, voice: v, level: e.Attr("level"), grain: e.Duration("grain_ns"), before: len(v.restarts)}
	if m := toldGap.FindStringSubmatch(text); m != nil {
		s.gap = m[1]
	}
	// Seconds since a start that go back tell of another start.
	if n := len(v.lines); n > 0 && s.grain >= time.Second && s.Line.At < v.lines[n-1].Line.At {
		v.restarts = append(v.restarts, e)
		s.before++
	}
	v.lines = append(v.lines, s)
}

// sent reads a line of the caller's app. One that tells only of answers tells how long they took.
func (h *Hearing) sent(e *history.Event) {
	sender := e.Attr("sender")
	switch e.Attr("did") {
	case written.Sending:
		h.Orders = append(h.Orders, &told{sent: e, answered: &history.Event{}, sender: sender, life: h.lives, start: e.At})
	case written.Passed, written.Failed:
		i := len(h.Orders) - 1
		for i >= 0 && (h.Orders[i].ended || h.Orders[i].life != h.lives || h.Orders[i].sender != sender || h.Orders[i].id() != e.ID) {
			i--
		}
		if i < 0 {
			h.Orders = append(h.Orders, &told{sent: &history.Event{}, sender: sender, life: h.lives, start: e.At - e.Duration("after_ns")})
			i = len(h.Orders) - 1
		}
		o := h.Orders[i]
		o.answered, o.end, o.ended = e, e.At, true
	}
}

func (h *Hearing) got(e *history.Event) {
	switch e.Attr("did") {
	case written.Received:
		r := &receipt{got: e, over: e, life: h.lives, status: e.Status, hung: e.Attr("answers") == "hang"}
		r.ended = !r.hung && e.Attr("answers") != "delay"
		h.Receipts = append(h.Receipts, r)
		if n := len(h.Outages); n > 0 && h.Outages[n-1].hi == forever && len(h.healings) > 0 && h.healings[len(h.healings)-1].event.At >= h.Outages[n-1].lo {
			h.Outages[n-1].hi = e.At
		}
	case written.Cancelled, written.Done:
		for _, r := range slices.Backward(h.Receipts) {
			if r.got.ID == e.ID && !r.ended {
				r.over, r.ended = e, true
				r.hung = e.Attr("did") == written.Cancelled
				break
			}
		}
	}
}

// happened notes when the target was away or ill. It is well when all of it is.
func (h *Hearing) happened(down map[string]*history.Event, e *history.Event) {
	key := e.Service + "/" + e.Part
	begins, ends := e.Kind == history.KindExit && e.Service == h.Target, e.Kind == history.KindReady && down[key] != nil
	if e.Kind == history.KindFault {
		key = e.ID
		begins = e.Text == "injected"
		ends = e.Text == "healed" && down[key] != nil
	}
	switch {
	case begins:
		for i := range h.healings {
			h.healings[i].until = min(h.healings[i].until, e.At)
		}
		down[key] = e
		if away := key != "mode"; away && (len(h.Outages) == 0 || h.Outages[len(h.Outages)-1].hi != forever) {
			h.Outages = append(h.Outages, window{e.At, forever})
		}
	case ends:
		delete(down, key)
		if len(down) == 0 {
			h.healings = append(h.healings, healing{event: e, until: forever})
		}
	}
}

// attribute gives receipts to the requests during which they were made, and puts requests in order of their start.
func (h *Hearing) attribute() {
	slices.SortStableFunc(h.Orders, func(a, b *told) int { return cmp.Compare(a.start, b.start) })
	by := map[string][]*told{}
	for _, o := range h.Orders {
		if !o.ended {
			o.end = h.ended
		}
		by[o.id()] = append(by[o.id()], o)
	}
	for _, r := range h.Receipts {
		for _, o := range slices.Backward(by[r.got.ID]) {
			if r.got.At >= o.start-hearingSlack && r.got.At <= o.end+hearingSlack {
				o.receipts = append(o.receipts, r)
				break
			}
		}
	}
}

// pace is how often each sender sends, where nothing holds it up.
func (h *Hearing) pace() time.Duration {
	last := map[string]time.Duration{}
	var gaps []time.Duration
	for _, o := range h.Orders {
		if before, ok := last[o.sender]; ok {
			gaps = append(gaps, o.start-before)
		}
		delete(last, o.sender)
		if o.passed() {
			last[o.sender] = o.start
		}
	}
	if len(gaps) == 0 {
		return time.Second
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// seen tells whether the target's app would have seen each attempt of a time.
func (h *Hearing) seen(from, to time.Duration) bool {
	return !slices.ContainsFunc(h.Outages, func(w window) bool { return w.lo-hearingSlack <= to && from <= w.hi })
}

// alone tells whether no other request of the caller was on its way during one, nor began within a while after it.
func (h *Hearing) alone(o *told, after time.Duration) bool {
	return !slices.ContainsFunc(h.Orders, func(p *told) bool {
		return p != o && p.start <= o.end+after && p.end >= o.start
	})
}

// pollLag is how much later than an attempt the counter of attempts shows it.
const pollLag = 150 * time.Millisecond

// attempts counts by the sidecar's own counter how many were made between two moments; false where nobody looked.
func (h *Hearing) attempts(from, to time.Duration) (int, bool) {
	before, i := 0, 0
	for ; i < len(h.counted) && h.counted[i].at <= from; i++ {
		before = h.counted[i].n
	}
	if before == 0 && len(h.counted) > 0 && from > h.counted[0].at {
		return 0, false
	}
	n := before
	for ; i < len(h.counted) && h.counted[i].at <= to+pollLag; i++ {
		n = h.counted[i].n
	}
	return n - before, len(h.counted) > 0 && to+pollLag < h.ended
}

// changes are the transitions of the caller's breaker for the target's path, in the order in which they were told.
func (h *Hearing) changes() (out []*Heard) {
	v := h.voice()
	if v == nil {
		return nil
	}
	for _, s := range v.lines {
		if s.Kind == saidChanged && breakerApp(s.Breaker) == h.Target {
			out = append(out, s)
		}
	}
	return out
}

// breakerApp is the app that a breaker guards; "" for the breaker of something else.
func breakerApp(name string) string {
	app, _, ok := strings.Cut(name, ":")
	if !ok {
		return ""
	}
	return app
}
