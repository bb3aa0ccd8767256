package sidecar_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/testimony"
)

// A recording is a run of real daprd: see testdata/recordings/README.md. It is read by the harness's own reader of
// timelines, which knows nothing of this sidecar.
type recording struct {
	name string
	spec []byte // nil for none
	told []history.Event
}

func load(t testing.TB, name string) *recording {
	t.Helper()
	dir := filepath.Join("testdata", "recordings", name)
	r := &recording{name: name}
	text, err := os.ReadFile(filepath.Join(dir, "timeline.log"))
	require.NoError(t, err)
	r.told, err = parse(string(text))
	require.NoError(t, err)
	if r.spec, err = os.ReadFile(filepath.Join(dir, "resiliency.yaml")); !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return r
}

func parse(text string) ([]history.Event, error) {
	h, err := testimony.Timeline("timeline.log", strings.NewReader(text), "checkout", "order-processor")
	if err != nil {
		return nil, err
	}
	return h.Events, nil
}

// of are the events of a kind of one part of a service.
func (r *recording) of(kind history.Kind, service, part string) (out []history.Event) {
	for _, e := range r.told {
		if e.Kind == kind && e.Service == service && e.Part == part {
			out = append(out, e)
		}
	}
	return out
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
	for _, e := range r.of(history.KindLine, "checkout", history.Sidecar) {
		if s, ok := parseLog(e.Text); ok {
			out, form = append(out, event{e.At, s.level + " " + s.msg}), s.keys
		}
	}
	return out, form
}

func (r *recording) asJSON() bool {
	return slices.ContainsFunc(r.of(history.KindLine, "checkout", history.Sidecar), func(e history.Event) bool {
		return strings.HasPrefix(e.Text, "{")
	})
}

// attempts are known from the counter of the caller's sidecar, a little after they began: see pollLag.
func (r *recording) attempts() (out []event) {
	for _, e := range r.of(history.KindMetric, "checkout", history.Sidecar) {
		for n := number(e.Text); len(out) < n; {
			out = append(out, event{e.At, "attempt"})
		}
	}
	return out
}

// app is what order-processor said of orders.
func (r *recording) app() (out []event) {
	for _, e := range r.of(history.KindLine, "order-processor", history.App) {
		if strings.HasPrefix(e.Text, "Order ") {
			out = append(out, event{e.At, e.Text})
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

// sends are all orders, in the order of their sending. An answer tells by its own time and by how long it took
// when it was sent; where nothing was printed at the sending, nothing else does.
func (r *recording) sends() (out []send) {
	open := map[string]int{} // by sender: the send that waits for its answer
	for _, e := range r.of(history.KindLine, "checkout", history.App) {
		name := e.Attr("sender")
		switch e.Attr("did") {
		case testimony.Sending:
			out, open[name] = append(out, send{at: e.At, order: number(e.ID)}), len(out)
		case testimony.Passed, testimony.Failed:
			s := send{e.At - e.Duration("after_ns"), number(e.ID), event{e.At, answerText(e.Status, e.Error)}}
			if i, ok := open[name]; ok {
				out[i] = s
				delete(open, name)
			} else {
				out = append(out, s)
			}
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

var ownAnswer = regexp.MustCompile(`^(.*(?:, err: |\. Error: ))(.*)"}$`)

// answerText is a caller's answer without what may differ: the transport's own words.
func answerText(status int, body string) string {
	if m := ownAnswer.FindStringSubmatch(body); m != nil && strings.Contains(body, "ERR_DIRECT_INVOKE") {
		switch m[2] {
		case "circuit breaker is open", "too many requests", "context deadline exceeded":
		default:
			body = m[1] + "TRANSPORT\"}"
		}
	}
	if status == http.StatusOK {
		return "passed 200"
	}
	return strings.TrimSpace(fmt.Sprintf("failed %d %s", status, body))
}

// end is when the driver began to end the run.
func (r *recording) end() time.Duration {
	for _, e := range r.told {
		if e.Kind == history.KindPhase && e.Text == history.PhaseTeardown {
			return e.At
		}
	}
	return r.told[len(r.told)-1].At
}

// A turn is something that is done to the world at a moment.
type turn struct {
	at   time.Duration
	what string // app down, app up, sidecar down, sidecar up, link black, link healed, link refuses; or mode=…
}

// turns are what the driver did to the target, and when it had taken effect.
func (r *recording) turns() (out []turn) {
	for _, e := range r.told {
		what := ""
		words := e.Attr(testimony.Words)
		switch {
		case e.Kind == history.KindReady && e.Service == "order-processor":
			what = e.Part + " up"
		case e.Kind == history.KindExit && e.Service == "order-processor":
			what = e.Part + " down"
		case strings.HasPrefix(words, "order-processor mode := "):
			what = "mode=" + strings.Fields(words)[3]
		case strings.HasPrefix(words, "FAULT: sidecar link: toxic") && strings.Contains(words, "type:timeout"):
			what = "link black"
		case strings.HasPrefix(words, "toxiproxy DELETE /proxies/sidecar/toxics/t1"):
			what = "link healed"
		}
		if what != "" && e.At < r.end() {
			out = append(out, turn{e.At, what})
		}
	}
	return out
}

func FuzzRecording(f *testing.F) {
	for _, c := range recordings {
		text, err := os.ReadFile(filepath.Join("testdata", "recordings", c.name, "timeline.log"))
		require.NoError(f, err)
		f.Add(strings.Join(strings.SplitAfterN(string(text), "\n", 11)[:10], ""))
	}
	f.Fuzz(func(t *testing.T, text string) {
		told, err := parse(text)
		if err != nil {
			return
		}
		r := &recording{told: told}
		r.logs()
		r.app()
		r.sends()
		r.turns()
	})
}
