package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// metricsTrue: a sidecar's figures are testimony too. They begin at zero with each start of it, and are read a moment
// before it ends; where they could not be read, nothing is judged.
//
// https://docs.dapr.io/operations/observability/metrics/metrics-overview/
var metricsTrue = Check{
	Name: "metrics-true",
	Doc:  "what a sidecar's metrics tell of attempts, policies, retries, timeouts and breakers is what was seen",
	Run: func(r *Reading) Result {
		var t tally
		missed := ""
		for _, c := range r.metrics {
			if c.read.Error != "" {
				missed = fmt.Sprintf("the metrics of %s's sidecar could not be read: %s", c.read.Service, clip(c.read.Error))
				continue
			}
			for _, l := range r.Plan.Links {
				if l.Hop == scenario.HopToPeer && l.From == c.read.Service {
					t.card(newCounter(r, c, l))
				}
			}
		}
		switch {
		case t.examined > 0 || len(t.doubts) > 0:
			return t.result()
		case missed != "":
			return notHere("%s", missed)
		}
		return notHere("no caller's sidecar was asked for its metrics")
	},
}

// A reportCard is what a sidecar had counted when it was asked.
type reportCard struct {
	read    *history.Event // with the moment when it was asked for
	figures []*history.Event
}

// names of the metrics.
const (
	metricSent      = "dapr_runtime_service_invocation_req_sent_total"
	metricCount     = "dapr_resiliency_count"
	metricActivated = "dapr_resiliency_activations_total"
	metricState     = "dapr_resiliency_cb_state"
)

// A lifetime is that of the sidecar that was asked: what happened before sure may have been counted by the one before.
type lifetime struct{ from, sure time.Duration }

// lifetime tells since when the sidecar that was asked counts.
func (r *Reading) lifetime(c *reportCard) (l lifetime) {
	for _, e := range r.comings {
		if e.Service != c.read.Service || e.Part != history.Sidecar || e.At >= c.read.Duration("asked_ns") {
			continue
		}
		switch e.Kind {
		case history.KindExit:
			l = lifetime{e.At - r.Slack.most(), forever}
		case history.KindReady:
			l.sure = e.At + r.Slack.most()
		}
	}
	return l
}

// A counter counts what was seen of one caller's calls of one target until its sidecar was asked: at least what must
// have been counted by then, at most what may have been.
type counter struct {
	*Reading
	*reportCard
	life                 lifetime
	caller, target, link string
	unseen               int // what may have been counted behind the run's end: orders on their way then, and later ones
}

// newCounter makes the counter of one link.
func newCounter(r *Reading, card *reportCard, l scenario.Link) *counter {
	c := &counter{Reading: r, reportCard: card, life: r.lifetime(card), caller: l.From, target: l.To, link: l.Name}
	if card.read.At < r.Ended {
		return c
	}
	c.unseen = r.on(l.Name).behind + r.on(l.From+"->sidecar").behind
	for _, o := range c.calls() {
		if end, ended := o.End(); !ended || r.late(end) >= r.Ended {
			c.unseen++
		}
	}
	return c
}

// A count is how often something was seen, at least and at most.
type count struct {
	possible    bool // false for what the spec leaves out
	least, most int
	last        *history.Event
}

// add counts something that happened between two moments.
func (c *counter) add(n *count, from, to time.Duration, e *history.Event) {
	asked := c.read.Duration("asked_ns")
	if to >= c.life.from && from <= c.late(c.read.At) {
		n.most++
		n.last = e
	}
	if from > c.life.sure && to < asked-c.Slack.most() {
		n.least++
	}
}

// figure gives what a metric tells of the target: the sum of the series with these labels.
func (c *counter) figure(name string, labels ...string) (value int, told bool) {
	for _, e := range c.figures {
		if e.ID != name || e.Attr("flow_direction") == "inbound" || cmp.Or(e.Attr("dst_app_id"), strings.TrimPrefix(e.Attr("target"), "app_")) != c.target {
			continue
		}
		fits := true
		for i := 0; i < len(labels); i += 2 {
			fits = fits && e.Attr(labels[i]) == labels[i+1]
		}
		if f, err := strconv.ParseFloat(e.Text, 64); err == nil && fits {
			value, told = value+int(f), true
		}
	}
	return value, told
}

// card holds all that one sidecar told of its calls of one target against what was seen.
func (t *tally) card(c *counter) {
	p := c.Spec.For(c.caller, c.target)
	t.holds(c, "attempts sent", c.attempts(), metricSent)
	operations := c.operations()
	for _, policy := range []struct {
		name string
		has  bool
	}{{"retry", p.Retry != nil}, {"timeout", p.Timeout != nil && *p.Timeout > 0}, {"circuitbreaker", p.Breaker != nil}} {
		n := operations
		if !policy.has {
			n = count{}
		}
		t.holds(c, "requests under the policy "+policy.name, n, metricCount, "policy", policy.name)
	}
	t.about = c.blurredOf(c.caller)
	t.holds(c, "operations that were retried", c.retried(), metricActivated, "policy", "retry")
	t.about = nil
	t.holds(c, "operations with a timeout", c.timedOut(p.Timeout), metricActivated, "policy", "timeout")
	t.breakers(c)
}

// holds compares one figure.
func (t *tally) holds(c *counter, what string, seen count, name string, labels ...string) {
	got, told := c.figure(name, labels...)
	if !told && seen.most == 0 {
		return // what never happens is no series
	}
	if seen.possible && seen.most < forever {
		seen.most += c.unseen
	}
	t.examined++
	if got >= seen.least && got <= seen.most {
		return
	}
	want := strconv.Itoa(seen.least)
	switch {
	case seen.most == forever:
		want = "at least " + want
	case seen.most > seen.least:
		want += " to " + strconv.Itoa(seen.most)
	}
	events := points(c.read)
	if seen.last != nil {
		events = points(seen.last, c.read)
	}
	t.find(Finding{
		What: fmt.Sprintf("the metrics of %s's sidecar tell of %d %s to %s, and %s were seen", c.caller, got, what, c.target, want),
		Want: want, Got: strconv.Itoa(got), Events: events,
	})
}

// attempts are those that crossed the link. Where a fault tears connections, one more may have ended before it crossed.
func (c *counter) attempts() (n count) {
	n.possible = true
	for _, x := range c.on(c.link).exchanges {
		c.add(&n, x.Start(), x.Start(), x.Request)
	}
	for _, o := range c.calls() {
		if c.left(o) {
			c.add(&n, o.Start(), forever, o.last())
		}
	}
	for _, f := range c.Faults {
		if f.severs(c.link, c.target) {
			n.most = forever
		}
	}
	return n
}

// operations are the requests that the sidecar took: each that it answered, or made an attempt of.
func (c *counter) operations() (n count) {
	n.possible = true
	for _, o := range c.calls() {
		came := time.Duration(forever) // at the latest
		if len(o.Attempts) > 0 {
			came = o.Attempts[0].Start()
		} else if end, ended := o.End(); ended && o.Answered() {
			came = end
		}
		c.add(&n, o.Start(), came, o.Request)
	}
	return n
}

// calls are the operations of the caller that call the target.
func (c *counter) calls() []*Operation {
	var out []*Operation
	for _, o := range c.Operations {
		if o.Caller == c.caller && o.Target == c.target {
			out = append(out, o)
		}
	}
	return out
}

// retried are the operations that the retry policy tried again, or was about to.
func (c *counter) retried() (n count) {
	n.possible = true
	for _, o := range c.calls() {
		for i, turn := range o.Turns {
			if !turn.may || !turn.first || turn.builtin {
				continue
			}
			from, at, _ := c.tryOver(o, i)
			to := time.Duration(forever)
			if turn.sure && c.waited(o, i) {
				to = at
			}
			c.add(&n, from, to, o.Attempts[i].last())
		}
	}
	return n
}

// timedOut are the operations with an attempt that the timeout ended, or may have.
func (c *counter) timedOut(limit *time.Duration) (n count) {
	if limit == nil || *limit <= 0 {
		return n
	}
	n.possible = true
	for _, o := range c.calls() {
		for i, x := range o.Attempts {
			at, ended := x.End()
			cut := o.Turns[i].cut > 0
			if cut {
				at = o.Turns[i].cut
			}
			if !ended || !cut && at-x.Start() < x.limit-c.Slack.most()-mostUncertain {
				continue
			}
			to := time.Duration(forever)
			if (cut && !o.Turns[i].unclear || x.left() && at-x.Start() >= x.limit-c.Slack.Lower) && !o.gaveUp() && !c.sidecarGone(c.caller, x.Start(), at) {
				to = at
			}
			c.add(&n, x.Start()+x.limit-c.Slack.most(), to, x.last())
			break
		}
	}
	return n
}

// breakers holds openings and closings against the transitions of the target's breakers, and the state that is told.
func (t *tally) breakers(c *counter) {
	opened, shut := count{possible: true}, count{possible: true}
	var mine []*Breaker
	for _, b := range c.Breakers {
		if b.Caller != c.caller || b.Target != c.target {
			continue
		}
		mine = append(mine, b)
		switch {
		case len(b.Deviations) > 0:
			return // other checks tell of it
		case b.Ambiguous != "" || b.Excused != "" || b.Deaf:
			t.doubt("nobody can tell how often breaker %s opened: %s", b.Name(), cmp.Or(b.Ambiguous, b.Excused, "not one line of "+b.Caller+"'s sidecar was recorded"))
			return
		}
		for _, tr := range b.Transitions {
			switch n := &opened; tr.To {
			case closed:
				n = &shut
				fallthrough
			case open:
				at := c.read
				if tr.By != nil {
					at = tr.By.last()
				}
				c.add(n, tr.At-c.Slack.most(), c.late(tr.At), at)
			}
		}
	}
	t.holds(c, "openings of the breaker", opened, metricActivated, "policy", "circuitbreaker", "status", open)
	t.holds(c, "closings of the breaker", shut, metricActivated, "policy", "circuitbreaker", "status", closed)
	if len(mine) == 1 {
		t.state(c, mine[0])
	}
}

// state holds the state that is told against those in which the last requests found their breaker. One set of series
// tells of all paths, so that only where there is one path it can be told.
func (t *tally) state(c *counter, b *Breaker) {
	var last *Operation
	for _, o := range b.operations {
		if o.Start() > c.life.sure && o.Start() < c.read.Duration("asked_ns")-c.Slack.most() && (len(o.Attempts) > 0 || o.Answered()) {
			last = o
		}
	}
	if last == nil {
		return
	}
	from := last.Start() - c.Slack.most() - 1
	states := []string{closed} // as a breaker begins
	if s, since := b.at(from); since > c.life.from {
		states = []string{s}
	}
	for _, tr := range b.Transitions {
		if tr.At >= from && tr.At <= c.late(c.read.At) {
			states = append(states, tr.To)
		}
	}
	var ones []string
	tells := false
	for _, s := range []string{closed, open, halfOpen, "unknown"} {
		v, told := c.figure(metricState, "status", s)
		tells = tells || told
		if v != 0 {
			ones = append(ones, s)
		}
	}
	if !tells {
		return // not every release has these series
	}
	t.examined++
	if len(ones) != 1 || !slices.Contains(states, ones[0]) {
		t.find(Finding{
			What: fmt.Sprintf("the metrics of %s's sidecar tell that breaker %s is %s, and the last request found it %s", c.caller, b.Name(), cmp.Or(strings.Join(ones, " and "), "in no state"), states[0]),
			Want: states[0], Got: strings.Join(ones, ", "), Events: points(last.Request, c.read),
		})
	}
}
