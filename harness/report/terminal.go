package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

// TerminalOptions say what the terminal can do.
type TerminalOptions struct {
	Color bool
	Width int // in columns; 100 where it is 0
}

// A screen writes lines with or without colours.
type screen struct {
	w   io.Writer
	opt TerminalOptions
}

// mostLines is how long a story on a terminal is at most: with the two lines that say where the report lies, forty.
const mostLines = 38

// Terminal tells a run on a terminal: the verdict and what is broken first, then lanes and story, then the rest, in
// no more than forty lines. What is left out of the story is in the other reports.
func Terminal(w io.Writer, in Input, opt TerminalOptions) {
	if opt.Width <= 0 {
		opt.Width = 100
	}
	above, below := &strings.Builder{}, &strings.Builder{}
	s := screen{above, opt}
	g := group(in.Verdict)
	s.headline(in.Verdict)
	s.findings(g)
	for _, why := range asides(in.Verdict) {
		s.line(s.cut("  " + plain(why)))
	}
	s.line("")
	s.lanes(in.Verdict)
	s = screen{below, opt}
	s.line("")
	s.checks("kept", g.kept)
	s.checks("not in play", g.notHere)
	if text := forecastLine(in); text != "" {
		s.wrap("", text)
	}
	s.wrap("", figuresLine(in.Verdict))
	s.baseline(in.Verdict)
	io.WriteString(w, above.String())
	screen{w, opt}.story(in.Verdict, mostLines-strings.Count(above.String(), "\n")-strings.Count(below.String(), "\n"))
	io.WriteString(w, below.String())
}

func (s screen) paint(code, text string) string {
	if !s.opt.Color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s screen) line(text string) { fmt.Fprintln(s.w, text) }

func (s screen) headline(v oracle.Verdict) {
	colour := map[oracle.Outcome]string{oracle.Pass: "1;32", oracle.Fail: "1;31", oracle.Unknown: "1;33"}[v.Outcome]
	text := s.paint(colour, strings.ToUpper(string(v.Outcome))+"  "+plain(v.Scenario)+": "+headline(v))
	s.line(text + fmt.Sprintf("  (%s, sidecar %s)", plain(v.Env), plain(v.Sidecar)))
}

// findings tells what is broken and what could not be judged: the first check at length, with the events that show
// it, the others in a line each.
func (s screen) findings(g groups) {
	const most = 6
	told := 0
	for _, group := range []struct {
		mark, colour string
		results      []oracle.Result
	}{{"✗", "31", g.failed}, {"?", "33", g.unknown}, {"!", "33", g.warned}} {
		for _, r := range group.results {
			switch told++; {
			case told == 1:
				s.finding(group.mark, group.colour, r)
			case told <= most:
				what := r.Doc
				if len(r.Findings) > 0 {
					what = r.Findings[0].What
				} else if r.Why != "" {
					what = r.Why
				}
				s.marked(group.mark, group.colour, fmt.Sprintf(" %s: %s", r.Check, plain(what)))
			}
		}
	}
	if told > most {
		s.line(fmt.Sprintf("  … and %d more checks in the report", told-most))
	}
}

// marked writes a line behind a mark, no longer than the screen is wide.
func (s screen) marked(mark, colour, text string) {
	s.line(s.paint(colour, mark) + strings.TrimPrefix(s.cut(mark+text), mark))
}

// finding tells a result that is not a pass, with the events that show it.
func (s screen) finding(mark, colour string, r oracle.Result) {
	s.marked(mark+" "+r.Check, colour, ": "+r.Doc)
	if r.Why != "" {
		s.wrap("    ", s.short(plain(r.Why)))
	}
	const most, events = 2, 3
	for i, f := range r.Findings {
		if i == most {
			s.line(fmt.Sprintf("    … and %d more", len(r.Findings)-most))
			break
		}
		s.wrap("    ", s.short(plain(f.What)))
		for _, e := range f.Events[:min(events, len(f.Events))] {
			s.line(s.cut(fmt.Sprintf("      %9s  %s #%d  %s", clock(e.At), plain(e.Source), e.Seq, plain(e.What))))
		}
	}
}

// short keeps a text to two lines.
func (s screen) short(text string) string {
	if r, most := []rune(text), 2*(s.opt.Width-6); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// checks names checks, in no more lines than names are worth.
func (s screen) checks(how string, results []oracle.Result) {
	if len(results) == 0 {
		return
	}
	names := make([]string, len(results))
	for i, r := range results {
		names[i] = r.Check
	}
	s.wrap(fmt.Sprintf("%d %s: ", len(results), how), strings.Join(names, ", "))
}

// baseline tells how the run's figures compare with accepted ones.
func (s screen) baseline(v oracle.Verdict) {
	var told []string
	for _, d := range v.Differences {
		told = append(told, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", outcomeMark[d.Outcome], plain(d.Figure), oracle.Amount(d.Now.Median, d.Unit), change(d))))
	}
	if len(told) > 0 {
		s.wrap("against the baseline: ", strings.Join(told, ", "))
	}
}

// figuresLine tells the figures one after the other.
func figuresLine(v oracle.Verdict) string {
	f := v.Figures
	out := fmt.Sprintf("orders: %d sent, %d accepted, %d received; %d attempts, %d of them retries; %d refused; %d breaker transitions",
		f.OrdersSent, f.OrdersAccepted, f.OrdersReceived, f.Attempts, f.Retries, f.Refused, f.Transitions)
	for _, d := range []struct {
		name string
		d    *time.Duration
	}{{"time to trip", f.TimeToTrip}, {"recovery after readiness", f.Recovery}} {
		if d.d != nil {
			out += fmt.Sprintf("; %s %s", d.name, round(*d.d))
		}
	}
	return out + fmt.Sprintf("; slack %s below, %s above", round(v.Slack.Lower), round(v.Slack.Upper))
}

// cut keeps a line within the width.
func (s screen) cut(text string) string {
	if r := []rune(text); len(r) > s.opt.Width {
		return string(r[:s.opt.Width-1]) + "…"
	}
	return text
}

// wrap writes a text behind a prefix, broken at blanks, further lines indented as far.
func (s screen) wrap(prefix, text string) {
	indent := strings.Repeat(" ", len([]rune(prefix)))
	line := prefix
	for _, word := range strings.Fields(text) {
		if len([]rune(line))+len([]rune(word))+1 > s.opt.Width && strings.TrimSpace(line) != "" && line != prefix {
			s.line(line)
			line = indent
		}
		if line != indent && line != prefix {
			line += " "
		}
		line += word
	}
	s.line(line)
}

// marks of a moment's outcome.
var marks = map[string]struct{ sign, colour string }{
	"ok": {"✓", "32"}, "failed": {"✗", "31"}, "refused": {"⊘", "33"}, "waiting": {"…", "33"},
	"open": {"●", "31"}, "half-open": {"◐", "33"}, "closed": {"○", "32"},
}
