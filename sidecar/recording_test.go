package sidecar_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A recording is a run of real daprd: see testdata/recordings/README.md.
type recording struct {
	name  string
	spec  []byte // nil for none
	lines []line
}

// A line of a timeline.
type line struct {
	at     time.Duration // from the first fault
	source string
	text   string
}

func load(t testing.TB, name string) *recording {
	t.Helper()
	dir := filepath.Join("testdata", "recordings", name)
	r := &recording{name: name}
	text, err := os.ReadFile(filepath.Join(dir, "timeline.log"))
	require.NoError(t, err)
	r.lines, err = parseTimeline(string(text))
	require.NoError(t, err)
	if r.spec, err = os.ReadFile(filepath.Join(dir, "resiliency.yaml")); !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return r
}

func parseTimeline(text string) ([]line, error) {
	var lines []line
	for i, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		seconds, rest, _ := strings.Cut(strings.TrimLeft(l, " "), " ")
		at, err := strconv.ParseFloat(seconds, 64)
		source, said, ok := strings.Cut(rest, " ")
		if err != nil || !ok {
			return nil, fmt.Errorf("line %d: want seconds, source and text, got %q", i+1, l)
		}
		lines = append(lines, line{milliseconds(at * 1000), source, strings.TrimLeft(said, " ")})
	}
	return lines, nil
}

func milliseconds(ms float64) time.Duration {
	if ms < 0 {
		return -milliseconds(-ms)
	}
	return time.Duration(ms+0.5) * time.Millisecond
}

// An event is what the two sides are compared by: a moment and what happened.
type event struct {
	at   time.Duration
	text string
}

// A sidecarLine is a line of a sidecar's log, daprd's or ours.
type sidecarLine struct {
	level, msg string
	keys       string // the names of its fields, in order where the form has one
}

var (
	logfmtField = regexp.MustCompile(`(\w+)=("(?:[^"\\]|\\.)*"|\S*)`)
	resilient   = regexp.MustCompile(`^(Circuit breaker|Error processing operation|Recovered processing operation|Could not|Loading Resiliency)`)
)

// parseLog reads both forms of a sidecar's log; ok says that the line is about resiliency.
func parseLog(text string) (l sidecarLine, ok bool) {
	fields := map[string]string{}
	var keys []string
	if strings.HasPrefix(text, "{") {
		if json.Unmarshal([]byte(text), &fields) != nil {
			return l, false
		}
		for k := range fields {
			keys = append(keys, k)
		}
		slices.Sort(keys)
	} else {
		for _, f := range logfmtField.FindAllStringSubmatch(text, -1) {
			value, err := strconv.Unquote(f[2])
			if err != nil {
				value = f[2]
			}
			fields[f[1]] = value
			keys = append(keys, f[1])
		}
	}
	l = sidecarLine{fields["level"], fields["msg"], strings.Join(keys, " ")}
	return l, resilient.MatchString(l.msg)
}

// logs are the caller's sidecar's lines about resiliency, and the form of all of them.
func (r *recording) logs() (out []event, form string) {
	for _, l := range r.lines {
		if l.source != "daprd-checkout" {
			continue
		}
		if s, ok := parseLog(l.text); ok {
			out, form = append(out, event{l.at, s.level + " " + s.msg}), s.keys
		}
	}
	return out, form
}

func (r *recording) asJSON() bool {
	return slices.ContainsFunc(r.lines, func(l line) bool {
		return l.source == "daprd-checkout" && strings.HasPrefix(l.text, "{")
	})
}

// attempts are known from the counter of the caller's sidecar, a little after they began: see pollLag.
func (r *recording) attempts() (out []event) {
	for _, l := range r.lines {
		if _, value, ok := strings.Cut(l.text, "req_sent_total "); ok && l.source == "metrics" {
			n, _ := strconv.Atoi(value)
			for len(out) < n {
				out = append(out, event{l.at, "attempt"})
			}
		}
	}
	return out
}

// app is what order-processor said of orders.
func (r *recording) app() (out []event) {
	for _, l := range r.lines {
		if l.source == "order-processor" && strings.HasPrefix(l.text, "Order ") {
			out = append(out, event{l.at, l.text})
		}
	}
	return out
}

// A send is an order on its way to the caller's sidecar, and what came of it.
type send struct {
	at     time.Duration
	order  int
	answer event // its text is empty if none came
}

var (
	senderName = regexp.MustCompile(`^(s\d+) `)
	sending    = regexp.MustCompile(`^Order sending: \{"orderId": (\d+)\}`)
	passed     = regexp.MustCompile(`^Order passed: \{"orderId": (\d+)\} \(status=(\d+) after=([\d.]+)s\)`)
	failed     = regexp.MustCompile(`^Order failed: \{"orderId": (\d+)\} status=(\d+) body=(.*?) after=([\d.]+)s(?: headers=.*)?$`)
)

// sends are all orders, in the order of their sending. An answer tells by its own time and by how long it took
// when it was sent; where nothing was printed at the sending, nothing else does.
func (r *recording) sends() (out []send) {
	open := map[string]int{} // by sender: the send that waits for its answer
	for _, l := range r.lines {
		if l.source != "checkout" {
			continue
		}
		name := ""
		if m := senderName.FindStringSubmatch(l.text); m != nil {
			name, l.text = m[1], l.text[len(m[0]):]
		}
		if m := sending.FindStringSubmatch(l.text); m != nil {
			out, open[name] = append(out, send{at: l.at, order: number(m[1])}), len(out)
			continue
		}
		var s send
		if m := passed.FindStringSubmatch(l.text); m != nil {
			s = send{l.at - took(m[3]), number(m[1]), event{l.at, answerText(m[2], "")}}
		} else if m := failed.FindStringSubmatch(l.text); m != nil {
			s = send{l.at - took(m[4]), number(m[1]), event{l.at, answerText(m[2], m[3])}}
		} else {
			continue
		}
		if i, ok := open[name]; ok {
			out[i] = s
			delete(open, name)
		} else {
			out = append(out, s)
		}
	}
	// Of those sent at once, the one that takes longest is the one whose retries come first and are the probes.
	slices.SortStableFunc(out, func(a, b send) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return int((b.answer.at - b.at) - (a.answer.at - a.at))
	})
	return out
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func took(seconds string) time.Duration {
	s, _ := strconv.ParseFloat(seconds, 64)
	return milliseconds(s * 1000)
}

var ownAnswer = regexp.MustCompile(`^(.*(?:, err: |\. Error: ))(.*)"}$`)

// answerText is a caller's answer without what may differ: the transport's own words.
func answerText(status, body string) string {
	if m := ownAnswer.FindStringSubmatch(body); m != nil && strings.Contains(body, "ERR_DIRECT_INVOKE") {
		switch m[2] {
		case "circuit breaker is open", "too many requests", "context deadline exceeded":
		default:
			body = m[1] + "TRANSPORT\"}"
		}
	}
	if status == "200" {
		return "passed 200"
	}
	return strings.TrimSpace("failed " + status + " " + body)
}

// end is when the driver began to end the run.
func (r *recording) end() time.Duration {
	for _, l := range r.lines {
		if l.source == "driver" && strings.HasPrefix(l.text, "signal continued -> checkout") {
			return l.at
		}
	}
	return r.lines[len(r.lines)-1].at
}

// A turn is something that is done to the world at a moment.
type turn struct {
	at   time.Duration
	what string // app down, app up, sidecar down, sidecar up, link black, link healed, link refuses; or mode=…
}

// turns are what the driver did, and when it had taken effect.
func (r *recording) turns() (out []turn) {
	for _, l := range r.lines {
		what := ""
		switch {
		case l.source == "order-processor" && strings.HasPrefix(l.text, "order-processor listening on"):
			what = "app up"
		case l.source != "driver":
		case strings.HasPrefix(l.text, "signal terminated -> order-processor"):
			what = "app down"
		case strings.HasPrefix(l.text, "signal terminated -> daprd-order"):
			what = "sidecar down"
		case strings.HasPrefix(l.text, "healthz of port 3501: 204"):
			what = "sidecar up"
		case strings.HasPrefix(l.text, "order-processor mode := "):
			what = "mode=" + strings.Fields(l.text)[3]
		case strings.HasPrefix(l.text, "FAULT: sidecar link: toxic") && strings.Contains(l.text, "type:timeout"):
			what = "link black"
		case strings.HasPrefix(l.text, "toxiproxy DELETE /proxies/sidecar/toxics/t1"):
			what = "link healed"
		}
		if what != "" && l.at < r.end() {
			out = append(out, turn{l.at, what})
		}
	}
	return out
}

func FuzzTimeline(f *testing.F) {
	for _, c := range recordings {
		f.Add(strings.Join(func() (some []string) {
			for _, l := range load(f, c.name).lines[:10] {
				some = append(some, fmt.Sprintf("%+.3f %s %s", l.at.Seconds(), l.source, l.text))
			}
			return some
		}(), "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parseTimeline(text)
		if err != nil {
			return
		}
		r := &recording{lines: lines}
		r.logs()
		r.app()
		r.sends()
		r.turns()
	})
}
