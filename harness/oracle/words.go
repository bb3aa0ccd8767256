package oracle

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// point makes an event of the history one of a finding.
func point(e *history.Event) Event {
	return Event{Source: e.Source, Seq: e.Seq, At: e.At, What: describe(e)}
}

// points does so with several.
func points(events ...*history.Event) []Event {
	out := make([]Event, len(events))
	for i, e := range events {
		out[i] = point(e)
	}
	return out
}

// describe says an event in a few words.
func describe(e *history.Event) string {
	switch e.Kind {
	case history.KindRequest:
		return fmt.Sprintf("request %s %s%s on %s", e.Attr("method"), e.Path, ofOrder(e.ID), e.Link)
	case history.KindResponse, history.KindComplete:
		return fmt.Sprintf("answer %d%s on %s", e.Status, ofOrder(e.ID), e.Link)
	case history.KindClose:
		if e.Text == neverCrossed {
			return fmt.Sprintf("%s's sidecar had counted it by then", e.Service)
		}
		return fmt.Sprintf("connection %d on %s closed by %s (%s)", e.Conn, e.Link, e.Attr("by"), e.Text)
	case history.KindLine:
		return fmt.Sprintf("%s/%s said: %s", e.Service, e.Part, clip(message(e.Text)))
	case history.KindFault:
		return fmt.Sprintf("fault %s %s", e.ID, e.Text)
	case history.KindReady, history.KindStart:
		return fmt.Sprintf("%s/%s %s", e.Service, e.Part, e.Kind)
	case history.KindExit:
		return fmt.Sprintf("%s/%s ended: %s", e.Service, e.Part, e.Text)
	case history.KindPolicy:
		return fmt.Sprintf("resource %s of %s: %s", e.ID, e.Service, e.Text)
	case history.KindMetric:
		switch {
		case e.Error != "":
			return fmt.Sprintf("the metrics of %s's sidecar could not be read: %s", e.Service, e.Error)
		case e.ID == history.MetricsRead:
			return fmt.Sprintf("the metrics of %s's sidecar were read: %s figures", e.Service, e.Text)
		}
		return fmt.Sprintf("%s's sidecar tells %s %s", e.Service, e.ID, e.Text)
	case history.KindCount:
		return fmt.Sprintf("%s's sidecar counts %s attempts to %s", e.Service, e.Text, e.Attr("dst_app_id"))
	case history.KindPhase:
		return fmt.Sprintf("%s %s", e.Text, e.Attr("detail"))
	}
	return string(e.Kind) + " " + e.Error
}

func ofOrder(id string) string {
	if id == "" {
		return ""
	}
	return " of order " + id
}

// clip keeps a foreign text to a reader's patience.
func clip(text string) string {
	const most = 200
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

// order names an operation for people.
func (o *Operation) order() string { return named(o.ID) }

// named is an order for people, by its id; a request that tells none is called so.
func named(id string) string {
	if id == "" {
		return "a request"
	}
	return "order " + id
}

// ordinal writes 1st, 2nd, 3rd, 4th.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

// outcome says how an attempt ended.
func (x *Exchange) outcome() string {
	switch {
	case x.Answered() && x.Own():
		return fmt.Sprintf("answered %d by the target's sidecar: %s", x.Status(), clip(x.Response.Error))
	case x.Answered():
		return fmt.Sprintf("answered %d", x.Status())
	case x.Hidden():
		return "never crossed the link; its sidecar counts it"
	case x.by == byKeepalive:
		return "ended by the keepalive of the caller's sidecar"
	case x.by == "client":
		return "given up by the caller's sidecar"
	case x.barred:
		return "refused"
	case x.Close != nil && x.Close.Text == "teardown":
		return "unanswered at the end of the run"
	case x.Close != nil:
		return "closed without an answer"
	}
	return "unanswered"
}

func since(from, to time.Duration) string { return short(to - from) }
