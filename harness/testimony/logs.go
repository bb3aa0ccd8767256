package testimony

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/problem"
)

// A Log is one file of them.
type Log struct {
	Name string // as the user named it: findings point into it by line
	io.Reader
}

const (
	// longestLine is as much as is read of one line.
	longestLine = 64 << 10
	// mostLines bounds how many lines about resiliency are kept.
	mostLines = 1 << 20
)

// Env is the environment that such a history names.
const Env = "logs"

// about picks the lines that are testimony; all others are passed over.
var about = regexp.MustCompile(`Circuit breaker |Error processing operation |Recovered processing operation |Could not (?:read|parse) resiliency |Loading Resiliency configuration|(?i:starting dapr runtime)`)

// ErrTooMuch says that logs hold more lines about resiliency than can be judged.
var ErrTooMuch = errors.New("more than a million lines about resiliency: take a shorter stretch of the logs")

// A placed event knows the wall clock, if its line does.
type placed struct {
	history.Event
	when time.Time
}

// Logs makes a history of what sidecars say in logs from elsewhere. Lines that don't name their sidecar are caller's. A
// log in which nothing stands at all is a problem: nobody means to show that.
func Logs(logs []Log, caller string) (*history.History, error) {
	var all []placed
	var empty problem.List
	for _, l := range logs {
		lines, said := bufio.NewReaderSize(l.Reader, longestLine), false
		for n := uint64(1); ; n++ {
			text, err := readLine(lines)
			said = said || strings.TrimSpace(text) != ""
			if e, ok := event(text, caller); ok {
				e.Source, e.Seq = l.Name, n
				all = append(all, e)
			}
			if len(all) > mostLines {
				return nil, ErrTooMuch
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.Name, err)
			}
		}
		if !said {
			empty = append(empty, problem.Problem{File: l.Name, What: "the log is empty", Hint: "did the sidecar run? kubectl logs POD -c daprd > FILE"})
		}
	}
	if len(empty) > 0 {
		return nil, empty
	}
	return place(all), nil
}

// readLine reads one line and throws away what is too long of it.
func readLine(r *bufio.Reader) (string, error) {
	text, err := r.ReadSlice('\n')
	line := string(text)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line, err
}

func event(text, caller string) (placed, bool) {
	if !about.MatchString(text) {
		return placed{}, false
	}
	l := Parse(text)
	if !l.Own || !about.MatchString(l.Message) {
		return placed{}, false
	}
	e := said(l, text, cmp.Or(l.App, caller))
	e.Attrs["replica"] = l.Replica
	switch {
	case !l.Time.IsZero():
		e.Attrs["grain_ns"] = strconv.FormatInt(int64(time.Millisecond), 10)
	case l.Since >= 0:
		e.At = l.Since
		e.Attrs["grain_ns"] = strconv.FormatInt(int64(time.Second), 10)
	}
	return placed{e, l.Time}, true
}

// said is a sidecar's line as an event.
func said(l Line, text, service string) history.Event {
	return history.Event{
		Kind: history.KindLine, Service: service, Part: history.Sidecar, Text: text,
		Attrs: map[string]string{"level": l.Level, "version": l.Version},
	}
}

// place puts lines with a time on one clock, whose 0 is the first of them. The others keep their seconds since their
// sidecar's start, and their place behind each other.
func place(all []placed) *history.History {
	h := &history.History{Header: history.Header{Format: history.Format, Env: Env, Sidecar: "daprd"}}
	for _, e := range all {
		if !e.when.IsZero() && (h.Header.Started.IsZero() || e.when.Before(h.Header.Started)) {
			h.Header.Started = e.when
		}
	}
	var rest []history.Event
	for _, e := range all {
		if e.when.IsZero() {
			rest = append(rest, e.Event)
			continue
		}
		e.At = e.when.Sub(h.Header.Started)
		h.Events = append(h.Events, e.Event)
	}
	slices.SortStableFunc(h.Events, func(a, b history.Event) int { return cmp.Compare(a.At, b.At) })
	h.Events = append(h.Events, rest...)
	return h
}
