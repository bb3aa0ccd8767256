// Package report is how a verdict is told: on the terminal, as HTML, JUnit, JSON and Markdown. Bytes out, nothing
// else; the same input gives the same bytes.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An Input is one run, judged.
type Input struct {
	Verdict     oracle.Verdict
	Plan        scenario.Plan
	History     *history.History
	Forecast    oracle.Forecast   // what the spec implies for the plan
	Observed    []oracle.Foreseen // what happened, as rows of the same timetable
	Chart       oracle.Chart      // what the picture is drawn from
	Causes      []oracle.Cause    // what each field of spec and scenario brought about
	HistoryText []byte            // history.jsonl as it was; nil where there is no file
	Scenario    string            // the scenario's file as it was
	Spec        string            // the spec's; "" for none
	SidecarSpec string            // the spec that the sidecars got instead; "" where it is the same
	Places      map[string]Place  // by check: where its promise is written down
}

// A Place is a line of a file that somebody wrote.
type Place struct {
	File string
	Line int // from 1
}

// JSON is a verdict as verdict.json holds it.
func JSON(v oracle.Verdict) []byte {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(v); err != nil {
		panic(err) // a verdict is made of what JSON can hold
	}
	return b.Bytes()
}

// aside tells whether a reason is no check's: it is told above the checks.
func aside(why string) bool {
	return strings.HasPrefix(why, "history: ") || strings.HasPrefix(why, "expected ") || strings.HasPrefix(why, "the harness: ") || strings.HasPrefix(why, "warning: ")
}

// asides are the reasons that are no check's, and the warnings.
func asides(v oracle.Verdict) (out []string) {
	for _, why := range v.Why {
		if aside(why) {
			out = append(out, why)
		}
	}
	for _, w := range v.Warnings {
		out = append(out, "warning: "+w)
	}
	return out
}

// headline is the outcome in words.
func headline(v oracle.Verdict) string {
	switch v.Outcome {
	case oracle.Pass:
		if v.Expected != "" {
			return "as expected (" + v.Expected + ")"
		}
		return "all promises kept"
	case oracle.Fail:
		return "a promise is broken"
	}
	return "could not be judged"
}

// Grouped results of a verdict.
type groups struct {
	failed, unknown, warned, kept, notHere []oracle.Result
}

func group(v oracle.Verdict) groups {
	var g groups
	for _, r := range v.Results {
		switch {
		case !r.Applies:
			g.notHere = append(g.notHere, r)
		case r.Outcome != oracle.Pass && r.Severity == oracle.Warn:
			g.warned = append(g.warned, r)
		case r.Outcome == oracle.Fail:
			g.failed = append(g.failed, r)
		case r.Outcome == oracle.Unknown:
			g.unknown = append(g.unknown, r)
		default:
			g.kept = append(g.kept, r)
		}
	}
	return g
}

// A Figure is a number with its name and unit.
type figure struct{ Name, Value string }

func figures(v oracle.Verdict) []figure {
	f := v.Figures
	out := []figure{
		{"orders sent, accepted, received", fmt.Sprintf("%d, %d, %d", f.OrdersSent, f.OrdersAccepted, f.OrdersReceived)},
		{"attempts between sidecars", fmt.Sprintf("%d, %d of them retries%s", f.Attempts, f.Retries, uncrossed(f.Uncrossed))},
		{"attempts an order", oracle.Amount(f.Amplification(), "")},
		{"refused by an open breaker", fmt.Sprint(f.Refused)},
		{"breaker transitions", fmt.Sprint(f.Transitions)},
	}
	for _, d := range []struct {
		name string
		d    *time.Duration
	}{
		{"time to trip", f.TimeToTrip}, {"recovery after readiness", f.Recovery}, {"first order accepted after", f.FirstAccepted},
		{"an order's latency, median", f.Latency}, {"an order's longest latency", f.LongestLatency},
	} {
		if d.d != nil {
			out = append(out, figure{d.name, round(*d.d)})
		}
	}
	for _, s := range []struct {
		name string
		s    *oracle.Spread
	}{{"error of retry gaps", f.GapError}, {"error of open times", f.OpenError}} {
		if s.s != nil {
			out = append(out, figure{s.name, fmt.Sprintf("median %s, p99 %s, of %d", fine(s.s.Median), fine(s.s.P99), s.s.N)})
		}
	}
	return append(out, figure{"slack", fmt.Sprintf("%s below, %s above, by %d readings", round(v.Slack.Lower), round(v.Slack.Upper), v.Slack.Ticks)})
}

// round writes a duration to the millisecond.
func round(d time.Duration) string { return d.Round(time.Millisecond).String() }

// fine writes a short duration to the tenth of a millisecond.
func fine(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

// clock writes a moment of a run: 12.345.
func clock(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// plain makes a foreign text fit for one line of a report: no control characters, no broken UTF-8, no more than a
// reader wants.
func plain(text string) string {
	const most = 500
	if len(text) > 4*most {
		text = text[:4*most]
	}
	var b strings.Builder
	n := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		if n++; n > most {
			b.WriteString("…")
			break
		}
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteRune(utf8.RuneError)
		case r == '\n', r == '\t':
			b.WriteByte(' ')
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// uncrossed says of how many attempts only their sidecar's own counter tells.
func uncrossed(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %d never crossed the link, their sidecar's counter tells of them", n)
}
