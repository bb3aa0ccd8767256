package oracle

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// daprd fails an attempt within itself while it waits to dial again: no tap sees it. Its counter of attempts does, and
// so it is known how many there were, and between which two readings. That is more than a log tells, and less than a
// tap: whose attempt it was is known where one operation alone can have made it.

// A counting is attempts that a sidecar counted between two readings.
type counting struct {
	event *history.Event
	window
	n int
}

// countings are the readings of each caller's counter by target, in the order of time.
func countings(events []*history.Event) map[hop][]counting {
	out, last := map[hop][]counting{}, map[hop]float64{}
	for _, e := range events {
		value, err := strconv.ParseFloat(e.Text, 64)
		if e.ID != metricSent || err != nil {
			continue
		}
		h := hop{e.Service, e.Attr("dst_app_id")}
		if value < last[h] {
			last[h] = 0 // it has started anew
		}
		out[h] = append(out[h], counting{e, window{e.Duration("after_ns"), e.At}, int(value - last[h])})
		last[h] = value
	}
	return out
}

// uncount takes off what crossed the link. An attempt crosses as soon as it is counted, but where it has to wait for
// a connection that is being dialled, however long that takes: then it is among the first to cross that one, and was
// counted since the dial. The last attempts of a run may cross uncounted.
func (b *builder) uncount(counted []counting, l *tapped) {
	take := func(from, to time.Duration) *counting {
		for i := len(counted) - 1; i >= 0; i-- {
			if c := &counted[i]; c.n > 0 && c.lo <= to && c.hi >= from {
				c.n--
				return c
			}
		}
		return nil
	}
	slack := b.Slack.most() + b.Slack.Lower + mostUncertain
	var late []*Exchange
	for _, x := range l.exchanges {
		if take(x.Start()-slack, x.Start()+b.Slack.Lower+mostUncertain) == nil {
			late = append(late, x)
		}
	}
	began, first := map[uint64]time.Duration{}, map[uint64]time.Duration{}
	for _, a := range l.accepts {
		began[a.conn] = a.at
	}
	for _, x := range slices.Backward(l.exchanges) {
		first[x.Request.Conn] = x.Start()
	}
	for _, x := range late {
		at, known := began[x.Request.Conn]
		if !known || x.Start() > first[x.Request.Conn]+slack {
			continue
		}
		if c := take(at-slack, x.Start()); c != nil {
			x.waited = x.Start() - c.lo
			b.Slack.Counting = max(b.Slack.Counting, x.waited)
		}
	}
}

// hidden makes exchanges of the attempts that were counted and never crossed, and gives them to their operations.
func (b *builder) hidden() {
	byHop := countings(b.counts)
	for i := range b.Plan.Links {
		l := &b.Plan.Links[i]
		counted := byHop[hop{l.From, l.To}]
		if l.Hop != scenario.HopToPeer || len(counted) == 0 {
			continue
		}
		seen := b.link(l.Name)
		b.uncount(counted, seen)
		for _, c := range counted {
			if c.n == 0 || c.event.At > b.Ended {
				continue
			}
			b.Slack.Counting = max(b.Slack.Counting, c.hi-c.lo)
			b.attribute(l, c)
		}
		slices.SortStableFunc(seen.exchanges, func(x, y *Exchange) int { return cmp.Compare(x.Start(), y.Start()) })
	}
}

// attribute gives the attempts of one reading to the operations that can have made them: those whose next one is due
// then. Where more of them can than there are attempts, all assignments are possible, and none is taken.
func (b *builder) attribute(l *scenario.Link, c counting) {
	var waiting, due []*Operation
	for _, o := range b.Operations {
		if end, ended := o.End(); o.Caller != l.From || o.Target != l.To || o.Start() > c.hi || (ended && end < c.lo) {
			continue
		}
		waiting = append(waiting, o)
		if b.expects(o, c.window) {
			due = append(due, o)
		}
	}
	if len(waiting) == 1 {
		due = waiting
	}
	if len(due) > c.n { // one that ended just then was refused: an attempt that failed would have been retried
		due = slices.DeleteFunc(due, func(o *Operation) bool {
			end, ended := o.End()
			p := o.Policies.Retry
			return ended && end <= b.late(c.hi) && p != nil && (p.MaxRetries == resiliency.Forever || len(o.Attempts) < p.MaxRetries)
		})
	}
	for i := range c.n {
		end := *c.event
		end.Kind, end.Link, end.Text = history.KindClose, l.Name, neverCrossed
		end.Attrs = map[string]string{"by": "upstream"}
		x := &Exchange{Link: l, counted: &window{c.lo, b.given(l, c.hi) + 1}} // it ends after it began
		end.At = x.counted.hi
		x.asked(c.event)
		x.closed(&end)
		b.link(l.Name).exchanges = append(b.link(l.Name).exchanges, x)
		switch {
		case len(due) == c.n || len(waiting) == 1:
			o := due[min(i, len(due)-1)]
			x.Op, x.ID, x.Path, x.trace, x.id = o.Op, o.ID, o.Path, o.trace, o.id
			o.Attempts = append(o.Attempts, x)
			slices.SortStableFunc(o.Attempts, func(a, b *Exchange) int { return cmp.Compare(a.Start(), b.Start()) })
		case len(waiting) == 0:
			b.Orphans = append(b.Orphans, x)
		default:
			b.blur(x, waiting)
		}
	}
}

// neverCrossed is how a counted attempt ended.
const neverCrossed = "never crossed"

// expects tells whether an operation's next attempt is due within a time.
func (b *builder) expects(o *Operation, w window) bool {
	var last *Exchange
	for _, x := range o.Attempts {
		if x.earliest() < w.hi {
			last = x
		}
	}
	if last == nil {
		return o.Start()+b.Slack.most() >= w.lo && o.Start() <= w.hi
	}
	from, at, ended := last.over(b.Slack)
	if !ended || o.Policies.Retry == nil {
		return false
	}
	lo, hi := o.Policies.Retry.Gap(len(o.Attempts))
	return from+lo-b.Slack.Lower <= w.hi && at+hi+b.Slack.most() >= w.lo
}

// given is when an attempt that was counted by a moment was given up at the latest: at once, unless a dial was on its
// way then, for which it waits.
func (b *builder) given(l *scenario.Link, at time.Duration) time.Duration {
	for _, d := range b.on(l.Name).dials {
		if d.lo <= at && at < d.hi {
			at = d.hi
		}
	}
	return at
}

// accept notes a connection.
func (b *builder) accept(e *history.Event) {
	l := b.link(e.Link)
	l.accepts = append(l.accepts, accept{e.Conn, e.At})
	b.dialled[key{l, e.Conn, 0}] = e.At
}

// dialledInVain notes the end of a connection that never carried a request: a dial that came to nothing.
func (b *builder) dialledInVain(k key, e *history.Event) {
	k.n = 0
	if at, only := b.dialled[k]; only && e.Attr("stream") == "" {
		k.link.dials = append(k.link.dials, window{at, e.At})
		delete(b.dialled, k)
	}
}

// Hidden tells whether an attempt is known from its sidecar's counter alone.
func (x *Exchange) Hidden() bool { return x.counted != nil }

// earliest is the first moment at which the exchange may have begun.
func (x *Exchange) earliest() time.Duration {
	if x.counted != nil {
		return x.counted.lo
	}
	return x.Start() - x.waited
}
