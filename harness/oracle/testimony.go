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
	var out []Said
	for _, e := range lines {
		if e.Part != history.Sidecar {
			continue
		}
		if s, ok := understand(e); ok {
			out = append(out, s)
		}
	}
	return out
}

// understand reads one line.
func understand(e *history.Event) (Said, bool) {
	if !slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(e.Text, mark) }) {
		return Said{}, false // parsing a line is most of the work, and most say nothing of this
	}
	text := message(e.Text)
	if m := changedLine.FindStringSubmatch(text); m != nil {
		return Said{Kind: saidChanged, Line: e, Breaker: m[1], From: m[2], To: m[3]}, true
	}
	if m := retryingLine.FindStringSubmatch(text); m != nil {
		return Said{Kind: saidRetrying, Line: e, Operation: m[1]}, true
	}
	if m := recoveredLine.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[2])
		return Said{Kind: saidRecovered, Line: e, Operation: m[1], Attempts: n}, true
	}
	return Said{Kind: saidNotLoaded, Line: e}, notLoadedLine.MatchString(text)
}

// endpoint is how Dapr names the operations of a path.
func endpoint(target, path string) string {
	return "endpoint[" + target + ", " + target + ":" + path + "]"
}
