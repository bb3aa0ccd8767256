package oracle

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/halfopen/halfopen/harness/history"
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
	Line      history.Event
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

	logfmtMessage  = regexp.MustCompile(`(?:^|\s)msg=("(?:[^"\\]|\\.)*"|\S+)`)
	terminalFields = regexp.MustCompile(`\s+(?:\x1b\[[0-9;]*m)?(?:app_id|component|instance|scope)(?:\x1b\[0m)?=.*$`)
	terminalPrefix = regexp.MustCompile(`^(?:\x1b\[[0-9;]*m)?[A-Z]{4,5}(?:\x1b\[0m)?\[\d+\] `)
)

// message takes what was said out of a line of a log, in any of Dapr's three formats.
func message(line string) string {
	line = strings.TrimPrefix(line, "== APP == ")
	if strings.HasPrefix(line, "{") {
		var m struct {
			Msg string `json:"msg"`
		}
		if json.Unmarshal([]byte(line), &m) == nil && m.Msg != "" {
			return m.Msg
		}
	}
	if strings.HasPrefix(line, "time=") {
		if m := logfmtMessage.FindStringSubmatch(line); m != nil {
			if text, err := strconv.Unquote(m[1]); err == nil {
				return text
			}
			return m[1]
		}
	}
	if at := terminalPrefix.FindStringIndex(line); at != nil {
		return strings.TrimRight(terminalFields.ReplaceAllString(line[at[1]:], ""), " ")
	}
	return line
}

// testimony reads what sidecars say out of all lines.
func testimony(lines []history.Event) []Said {
	var out []Said
	for _, e := range lines {
		if e.Part != history.Sidecar {
			continue
		}
		text := message(e.Text)
		if m := changedLine.FindStringSubmatch(text); m != nil {
			out = append(out, Said{Kind: saidChanged, Line: e, Breaker: m[1], From: m[2], To: m[3]})
		} else if m := retryingLine.FindStringSubmatch(text); m != nil {
			out = append(out, Said{Kind: saidRetrying, Line: e, Operation: m[1]})
		} else if m := recoveredLine.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[2])
			out = append(out, Said{Kind: saidRecovered, Line: e, Operation: m[1], Attempts: n})
		} else if notLoadedLine.MatchString(text) {
			out = append(out, Said{Kind: saidNotLoaded, Line: e})
		}
	}
	return out
}

// endpoint is how Dapr names the operations of a path.
func endpoint(target, path string) string {
	return "endpoint[" + target + ", " + target + ":" + path + "]"
}
