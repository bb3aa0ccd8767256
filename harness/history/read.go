package history

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// A History is a header and the events in the order of their observation.
type History struct {
	Header Header
	Events []Event // by At; equal times in the order of the file
	// Flaws are the reasons why it can't be trusted whole: truncated, a gap in a source's numbers,
	// a count that differs, a line that is no event, events of another run. None is an error:
	// what is there can be looked at, but never passes.
	Flaws []string
}

// MaxLineBytes is the longest line that Read takes: a line of a service's output may be 1 MiB.
const MaxLineBytes = 8 << 20

// Read takes a whole history. It gives an error only where there is no header to read;
// anything else that is wrong becomes a flaw.
func Read(from io.Reader) (*History, error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), MaxLineBytes)
	h := &History{}
	if !lines.Scan() {
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read the history's header: %w", err)
		}
		return nil, fmt.Errorf("the history is empty: not even a header")
	}
	if err := json.Unmarshal(lines.Bytes(), &h.Header); err != nil {
		return nil, fmt.Errorf("read the history's header: %w", err)
	}
	if h.Header.Format != Format {
		return nil, fmt.Errorf("read the history's header: format %q, want %q", h.Header.Format, Format)
	}
	ended := false
	for n := 2; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		if ended {
			h.flaw("line %d stands behind the end", n)
			break
		}
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			h.flaw("line %d is no event: %v", n, err)
			continue
		}
		if e.Kind == KindEnd {
			ended = true
			if e.Attr("count") != strconv.Itoa(len(h.Events)) {
				h.flaw("the end counts %s events, the history holds %d", e.Attr("count"), len(h.Events))
			}
			if how := e.Attr("how"); how != "done" {
				h.flaw("the run ended before its plan did: %s", how)
			}
		}
		if e.Run != h.Header.Run {
			h.flaw("line %d belongs to run %q, not to %q", n, e.Run, h.Header.Run)
		}
		h.Events = append(h.Events, e)
	}
	if err := lines.Err(); err != nil {
		h.flaw("reading stopped: %v", err)
	}
	if !ended {
		h.flaw("truncated: there is no end")
	}
	h.checkNumbers()
	h.sort()
	return h, nil
}

// Of is a history of events that are at hand, in the order of time.
func Of(h Header, events []Event) *History {
	out := &History{Header: h, Events: slices.Clone(events)}
	out.sort()
	return out
}

func (h *History) sort() {
	slices.SortStableFunc(h.Events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
}

// checkNumbers finds lost and repeated events by the numbers that each source gives its own.
func (h *History) checkNumbers() {
	next := map[string]uint64{}
	for _, e := range h.Events {
		want := next[e.Source] + 1
		if e.Seq != want {
			h.flaw("source %s: event %d follows %d", e.Source, e.Seq, want-1)
		}
		next[e.Source] = max(e.Seq, next[e.Source])
	}
}

func (h *History) flaw(format string, args ...any) {
	const enough = 20 // a broken file has thousands; twenty tell the story
	if len(h.Flaws) < enough {
		h.Flaws = append(h.Flaws, fmt.Sprintf(format, args...))
	}
}
