package oracle

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/halfopen/halfopen/harness/history"
	written "github.com/halfopen/halfopen/harness/testimony"
)

// Kinds of what a sidecar says.
const (
	saidRetrying  = "retrying"
	saidRecovered = "recovered"
	saidChanged   = "changed"
	saidNotLoaded = "not-loaded"
)

// A Said is one thing that a sidecar said of itself: testimony, to be held against the evidence.
type Said struct {
	Kind      string
	Line      *history.Event
	Operation string // retrying, recovered: `endpoint[order-processor, order-processor:orders]`, or the built-in's name
	Breaker   string // changed: order-processor:orders
	From, To  string // changed
	Attempts  int    // recovered; 0 where the version doesn't tell
}

var (
	retryingLine  = regexp.MustCompile(`Error processing operation (.+)\. Retrying(?:\.\.\.| in .+…)`)
	recoveredLine = regexp.MustCompile(`Recovered processing operation (.+?)\.?(?: after (\d+) attempts)?$`)
	changedLine   = regexp.MustCompile(`Circuit breaker "(.+)" changed state from (closed|open|half-open) to (closed|open|half-open)`)
	notLoadedLine = regexp.MustCompile(`Could not (?:read|parse) resiliency (?:policy|file) .+`)
)

// marks stand in what is understood, in each of Dapr's formats.
var marks = []string{"Circuit breaker ", " processing operation ", "Could not "}

// message takes what was said out of a line of a log, in any of Dapr's three formats.
func message(line string) string { return written.Parse(line).Message }

// testimony reads what sidecars say out of all lines.
func testimony(lines []*history.Event) []Said {
	var marked []*history.Event
	for _, e := range lines {
		if e.Part == history.Sidecar && isMarked(e) {
			marked = append(marked, e)
		}
	}
	out := make([]Said, 0, len(marked))
	known := map[string]Said{} // a sidecar says the same few things over and over
	for _, e := range marked {
		text := message(e.Text)
		s, again := known[text]
		if !again {
			s = meaning(text)
			known[text] = s
		}
		if s.Line = e; s.Kind != "" {
			out = append(out, s)
		}
	}
	return out
}

// isMarked tells whether a line may be understood: taking it apart is most of the work, and most say nothing of this.
func isMarked(e *history.Event) bool {
	return slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(e.Text, mark) })
}

// understand reads one line.
func understand(e *history.Event) (Said, bool) {
	if !isMarked(e) {
		return Said{}, false
	}
	s := meaning(message(e.Text))
	s.Line = e
	return s, s.Kind != ""
}

// meaning is what a message says; nothing, without a kind, where it is not understood.
func meaning(text string) Said {
	if m := changedLine.FindStringSubmatch(text); m != nil {
		return Said{Kind: saidChanged, Breaker: m[1], From: m[2], To: m[3]}
	}
	if m := retryingLine.FindStringSubmatch(text); m != nil {
		return Said{Kind: saidRetrying, Operation: m[1]}
	}
	if m := recoveredLine.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[2])
		return Said{Kind: saidRecovered, Operation: m[1], Attempts: n}
	}
	if notLoadedLine.MatchString(text) {
		return Said{Kind: saidNotLoaded}
	}
	return Said{}
}

// endpoint is how Dapr names the operations of a path.
func endpoint(target, path string) string {
	return "endpoint[" + target + ", " + target + ":" + path + "]"
}
