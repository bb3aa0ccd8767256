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

// Terminal tells a run on a terminal: the verdict and what is broken first, then the story, then the rest.
func Terminal(w io.Writer, in Input, opt TerminalOptions) {
	if opt.Width <= 0 {
		opt.Width = 100
	}
	s := screen{w, opt}
	g := group(in.Verdict)
	s.headline(in.Verdict)
	for _, r := range g.failed {
		s.finding("✗", "31", r)
	}
	for _, r := range g.unknown {
		s.finding("?", "33", r)
	}
	for _, why := range in.Verdict.Why {
		if aside(why) {
			s.line("  " + plain(why))
		}
	}
	s.line("")
	s.lane(in.Verdict)
	s.story(in.Verdict)
	s.line("")
	names := make([]string, len(g.kept))
	for i, r := range g.kept {
		names[i] = r.Check
	}
	if len(names) > 0 {
		s.wrap(fmt.Sprintf("%d kept: ", len(names)), strings.Join(names, ", "))
	}
	if len(g.notHere) > 0 {
		names = names[:0]
		for _, r := range g.notHere {
			names = append(names, r.Check)
		}
		s.wrap(fmt.Sprintf("%d not in play: ", len(names)), strings.Join(names, ", "))
	}
	if text := forecastLine(in); text != "" {
		s.wrap("  ", text)
	}
	for _, f := range figures(in.Verdict) {
		s.line(fmt.Sprintf("  %-32s %s", f.Name, f.Value))
	}
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

// finding tells a result that is not a pass, with the events that show it.
func (s screen) finding(mark, colour string, r oracle.Result) {
	s.line(s.paint(colour, mark+" "+r.Check) + ": " + r.Doc)
	if r.Why != "" {
		s.wrap("    ", plain(r.Why))
	}
	const most = 3
	for i, f := range r.Findings {
		if i == most {
			s.line(fmt.Sprintf("    … and %d more", len(r.Findings)-most))
			break
		}
		s.wrap("    ", plain(f.What))
		for _, e := range f.Events {
			s.line(s.cut(fmt.Sprintf("      %9s  %s #%d  %s", clock(e.At), plain(e.Source), e.Seq, plain(e.What))))
		}
	}
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

// story tells the moments with the time since the run began; a long one is cut in the middle.
func (s screen) story(v oracle.Verdict) {
	const most = 60
	skipped := len(v.Story) - most
	for i, m := range v.Story {
		if skipped > 0 && i == most/2 {
			s.line(fmt.Sprintf("%9s    … %d more moments in the report", "", skipped))
		}
		if skipped > 0 && i >= most/2 && i < most/2+skipped {
			continue
		}
		mark := marks[m.Outcome]
		if mark.sign == "" {
			mark.sign = "·"
		}
		text := s.cut(fmt.Sprintf("%9s  %s %s: %s", clock(m.At), mark.sign, plain(m.Lane), plain(m.What)))
		if mark.colour != "" {
			text = strings.Replace(text, mark.sign, s.paint(mark.colour, mark.sign), 1)
		}
		s.line(text)
	}
}

// lane draws each breaker's state over the run in characters: · before and after, ○ closed, ● open, ◐ half-open.
func (s screen) lane(v oracle.Verdict) {
	end, lanes := time.Duration(0), []string{}
	for _, m := range v.Story {
		end = max(end, m.At, m.Until)
		if m.Kind == "breaker" && !contains(lanes, m.Lane) {
			lanes = append(lanes, m.Lane)
		}
	}
	if end == 0 {
		return
	}
	for _, lane := range lanes {
		name := plain(lane)
		width := max(10, min(s.opt.Width, 120)-len([]rune(name))-3)
		cells := make([]string, width)
		state := "closed"
		next := 0
		for i := range cells {
			until := end * time.Duration(i+1) / time.Duration(width)
			shown := state
			for ; next < len(v.Story) && v.Story[next].At <= until; next++ {
				if m := v.Story[next]; m.Kind == "breaker" && m.Lane == lane {
					state = m.Outcome
					if shown != "half-open" || state == "closed" {
						shown = state
					}
					if m.Outcome == "half-open" {
						shown = "half-open"
					}
				}
			}
			cells[i] = s.paint(marks[shown].colour, marks[shown].sign)
		}
		s.line("  " + name + " " + strings.Join(cells, ""))
	}
	if len(lanes) > 0 {
		s.line("  ○ closed  ● open  ◐ half-open, over " + round(end))
		s.line("")
	}
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}
