package testimony

import (
	"bufio"
	"cmp"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/problem"
)

// What apps tell in a timeline, as the attribute `did` of their lines.
const (
	Sending   = "sending"   // the caller sends an order
	Passed    = "passed"    // it was answered 2xx; Status, after_ns
	Failed    = "failed"    // it was answered something else; Status, Error is the body, after_ns
	Received  = "received"  // the target got an order; answers: "" for well, a status, hang or delay
	Cancelled = "cancelled" // the target saw the caller's sidecar give up
	Done      = "done"      // the target answered, after a delay
)

// Words is the attribute of a fault in a timeline: how the driver put it.
const Words = "words"

var (
	sender    = regexp.MustCompile(`^(s\d+) `)
	sending   = regexp.MustCompile(`^Order sending: \{"orderId": (\d+)\}`)
	passed    = regexp.MustCompile(`^Order passed: \{"orderId": (\d+)\} \(status=(\d{3}) after=([\d.]+)s\)`)
	failed    = regexp.MustCompile(`^Order failed: \{"orderId": (\d+)\} status=(\d{3}) body=(.*?) after=([\d.]+)s(?: headers=.*)?$`)
	received  = regexp.MustCompile(`^Order received: \{"orderId": (\d+)\}(?: \(hit \d+\) -> (answering (\d{3})|hanging|delaying \S+))?`)
	cancelled = regexp.MustCompile(`^Order cancelled by caller: \{"orderId": (\d+)\}`)
	done      = regexp.MustCompile(`^Order done: \{"orderId": (\d+)\}`)
	counter   = regexp.MustCompile(`^([a-z_]+?)(?:\{.*\})? (\d+)$`)
)

// Timeline makes a history of a timeline: a line an event, of seconds, source and text. What apps print and what the
// driver did is evidence; the lines of the sidecars, whose sources begin with daprd-, are testimony.
func Timeline(name string, r io.Reader, caller, target string) (*history.History, error) {
	t := &timeline{name: name, caller: caller, target: target, h: &history.History{Header: history.Header{Format: history.Format, Env: Env, Sidecar: "daprd"}}}
	lines := bufio.NewReaderSize(r, longestLine)
	for n := 1; ; n++ {
		text, err := readLine(lines)
		if strings.TrimSpace(text) != "" {
			t.line(uint64(n), text)
		}
		if len(t.h.Events) > mostLines {
			return nil, ErrTooMuch
		}
		if len(t.problems) > 20 {
			return nil, t.wrong()
		}
		if err == io.EOF { //nolint:errorlint // readLine hands on what bufio gives
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if len(t.problems) > 0 {
		return nil, t.wrong()
	}
	if len(t.h.Events) == 0 {
		return nil, problem.List{{File: name, What: "there is no event in it", Hint: "a line an event: seconds, source and text"}}
	}
	slices.SortStableFunc(t.h.Events, func(a, b history.Event) int { return cmp.Compare(a.At, b.At) })
	return t.h, nil
}

// wrong is what to tell of a file: where nothing in it is an event, it is one mistake.
func (t *timeline) wrong() problem.List {
	if len(t.h.Events) > 0 || len(t.problems) == 1 {
		return t.problems
	}
	first := t.problems[0]
	first.What = "not an event, and neither are the lines behind it: is this a timeline?"
	return problem.List{first}
}

type timeline struct {
	name, caller, target string
	h                    *history.History
	problems             problem.List
	fault                string // what the driver broke and has not healed
}

func (t *timeline) line(n uint64, text string) {
	seconds, rest, _ := strings.Cut(strings.TrimLeft(text, " "), " ")
	source, said, ok := strings.Cut(strings.TrimLeft(rest, " "), " ")
	at, err := strconv.ParseFloat(seconds, 64)
	if err != nil || !ok || math.IsNaN(at) || math.Abs(at) > 1e9 {
		t.problems = append(t.problems, problem.Problem{
			File: t.name, Line: int(n), What: "not an event", Hint: `seconds, source and text: +0.801 checkout Order sending: {"orderId": 5}`,
		})
		return
	}
	e := history.Event{Source: t.name, Seq: n, At: time.Duration(math.Round(at*1e3)) * time.Millisecond, Text: strings.TrimLeft(said, " ")}
	switch {
	case strings.HasPrefix(source, "daprd-"):
		t.sidecar(e, strings.TrimPrefix(source, "daprd-"))
	case source == t.caller:
		t.sent(e)
	case source == t.target:
		t.got(e)
	case source == "metrics":
		if m := counter.FindStringSubmatch(e.Text); m != nil {
			e.Kind, e.Service, e.Part, e.ID, e.Text = history.KindMetric, t.caller, history.Sidecar, m[1], m[2]
			t.add(e)
		}
	case source == "driver":
		t.drive(e)
	}
}

func (t *timeline) add(e history.Event) { t.h.Events = append(t.h.Events, e) }

// sidecar is a line of a sidecar. Its own clock is not looked at: all of a timeline is on one.
func (t *timeline) sidecar(e history.Event, service string) {
	if strings.HasPrefix(t.target, service+"-") { // daprd-order beside order-processor
		service = t.target
	}
	l := Parse(e.Text)
	s := said(l, e.Text, service)
	s.Source, s.Seq, s.At = e.Source, e.Seq, e.At
	s.Attrs["grain_ns"] = strconv.FormatInt(int64(time.Millisecond), 10)
	t.add(s)
}

// sent is a line of the caller's app.
func (t *timeline) sent(e history.Event) {
	e.Kind, e.Service, e.Part, e.Attrs = history.KindLine, t.caller, history.App, map[string]string{}
	text := e.Text
	if m := sender.FindStringSubmatch(text); m != nil {
		e.Attrs["sender"], text = m[1], text[len(m[0]):]
	}
	if m := sending.FindStringSubmatch(text); m != nil {
		e.ID, e.Attrs["did"] = m[1], Sending
	} else if m := passed.FindStringSubmatch(text); m != nil {
		e.ID, e.Attrs["did"], e.Attrs["after_ns"] = m[1], Passed, nanoseconds(m[3])
		e.Status, _ = strconv.Atoi(m[2])
	} else if m := failed.FindStringSubmatch(text); m != nil {
		e.ID, e.Attrs["did"], e.Attrs["after_ns"], e.Error = m[1], Failed, nanoseconds(m[4]), m[3]
		e.Status, _ = strconv.Atoi(m[2])
	}
	t.add(e)
}

func nanoseconds(seconds string) string {
	s, err := strconv.ParseFloat(seconds, 64)
	if err != nil || s > 1e9 {
		return "0"
	}
	return strconv.FormatInt(int64(math.Round(s*1e3))*int64(time.Millisecond), 10)
}

// got is a line of the target's app.
func (t *timeline) got(e history.Event) {
	e.Service, e.Part, e.Attrs = t.target, history.App, map[string]string{}
	if strings.HasPrefix(e.Text, t.target+" listening on") {
		e.Kind = history.KindReady
		t.add(e)
		return
	}
	e.Kind = history.KindLine
	if m := received.FindStringSubmatch(e.Text); m != nil {
		e.ID, e.Attrs["did"] = m[1], Received
		e.Status, _ = strconv.Atoi(m[3])
		switch {
		case m[3] != "":
			e.Attrs["answers"] = "status"
		case m[2] == "hanging":
			e.Attrs["answers"] = "hang"
		case m[2] != "":
			e.Attrs["answers"] = "delay"
		}
	} else if m := cancelled.FindStringSubmatch(e.Text); m != nil {
		e.ID, e.Attrs["did"] = m[1], Cancelled
	} else if m := done.FindStringSubmatch(e.Text); m != nil {
		e.ID, e.Attrs["did"] = m[1], Done
	}
	t.add(e)
}

// drive is what the driver of the run did.
func (t *timeline) drive(e history.Event) {
	event := func(kind history.Kind, service, part, text string) {
		e.Kind, e.Service, e.Part, e.Text = kind, service, part, text
		t.add(e)
	}
	fault := func(text string) {
		e.ID, e.Attrs = t.fault, map[string]string{Words: e.Text}
		event(history.KindFault, "", "", text)
	}
	short, _, _ := strings.Cut(t.target, "-")
	switch text := e.Text; {
	case strings.HasPrefix(text, "signal terminated -> "+t.caller+" "):
		event(history.KindExit, t.caller, history.App, "terminated")
	case strings.HasPrefix(text, "signal continued -> "+t.caller+" "): // so that it can end: the driver's last act
		e.Kind, e.Text = history.KindPhase, history.PhaseTeardown
		t.add(e)
	case strings.HasPrefix(text, "signal terminated -> "+t.target+" "):
		event(history.KindExit, t.target, history.App, "terminated")
	case strings.HasPrefix(text, "signal terminated -> daprd-"+short+" "):
		event(history.KindExit, t.target, history.Sidecar, "terminated")
	case strings.HasPrefix(text, "healthz of port 3501: 204"):
		event(history.KindReady, t.target, history.Sidecar, "")
	case strings.HasPrefix(text, "healthz of port 3500: 204"):
		event(history.KindReady, t.caller, history.Sidecar, "")
	case strings.Contains(text, "link: toxic"):
		t.fault = "link"
		fault("injected")
	case text == "HEAL" && t.fault == "link":
		fault("healing")
	case strings.HasPrefix(text, "toxiproxy DELETE ") && strings.Contains(text, "/toxics/") && t.fault != "":
		fault("healed")
	case strings.HasPrefix(text, t.target+" mode := ok"), strings.HasPrefix(text, t.target+" mode := delay"): // slow is well
		t.fault = "mode"
		fault("healed")
	case strings.HasPrefix(text, t.target+" mode := "):
		t.fault = "mode"
		fault("injected")
	}
}
