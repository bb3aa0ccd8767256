package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

// lesser are moments that a short story does without, the least telling first: what the lanes show already.
var lesser = []func(oracle.Moment) bool{
	func(m oracle.Moment) bool { return m.Kind == "log" },
	func(m oracle.Moment) bool {
		return m.Kind == "breaker" && strings.HasPrefix(m.What, "from open to half-open")
	},
	func(m oracle.Moment) bool {
		return m.Kind == "breaker" && strings.HasPrefix(m.What, "from half-open to open")
	},
	func(m oracle.Moment) bool { return m.Kind == "exit" || m.Kind == "ready" },
}

// folded tells failed attempts of one sending of an order that follow each other as one.
func folded(moments []oracle.Moment) []oracle.Moment {
	var out []oracle.Moment
	for i, n := 0, 0; i < len(moments); i = n {
		first := moments[i]
		for n = i + 1; n < len(moments) && first.Kind == "attempt" && first.Outcome == "failed"; n++ {
			if m := moments[n]; m.Kind != "attempt" || m.Outcome != "failed" || m.ID != first.ID || m.Lane != first.Lane || m.N <= moments[n-1].N {
				break
			}
		}
		if last := moments[n-1]; n-i > 2 {
			_, how, _ := strings.Cut(last.What, ": ")
			first.What = fmt.Sprintf("attempts %d to %d of order %s: %s (to %s)", first.N, last.N, first.ID, how, clock(last.At))
			out = append(out, first)
			continue
		}
		out = append(out, moments[i:n]...)
	}
	return out
}

// story tells the moments with the time since the run began, in no more lines than there are. A longer one loses the
// lesser moments first, and then its middle.
func (s screen) story(v oracle.Verdict, lines int) {
	lines = max(lines, 4)
	moments := slices.Clone(v.Story)
	if len(moments) > lines {
		lines-- // for the one that says how many are left out
	}
	for i, less := range lesser {
		if i == len(lesser)-1 && len(moments) > lines {
			moments = folded(moments)
		}
		if len(moments) > lines {
			moments = slices.DeleteFunc(moments, less)
		}
	}
	left := len(v.Story) - len(moments)
	if skipped := len(moments) - lines; skipped > 0 {
		half := (lines + 1) / 2
		s.moments(moments[:half])
		s.line(fmt.Sprintf("%9s  … %d more in the report", "", left+skipped))
		s.moments(moments[half+skipped:])
		return
	}
	s.moments(moments)
	if left > 0 {
		s.line(fmt.Sprintf("%9s  and %d lesser moments in the report", "", left))
	}
}

func (s screen) moments(moments []oracle.Moment) {
	for _, m := range moments {
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

// A strip is one lane in characters.
type strip struct {
	name  string
	cells []string // marks' names; "" for none
}

// lanes draws the run in characters: what was broken, what became of orders, the state of each breaker.
func (s screen) lanes(v oracle.Verdict) {
	const most = 4 // breakers
	end, wide := time.Duration(0), 0
	var breakers, callers []string
	for _, m := range v.Story {
		end = max(end, m.At, m.Until)
		switch {
		case m.Kind == "breaker" && !slices.Contains(breakers, m.Lane) && len(breakers) < most:
			breakers = append(breakers, m.Lane)
		case m.Kind == "order" && !slices.Contains(callers, m.Lane) && len(callers) < most:
			callers = append(callers, m.Lane)
		}
	}
	if end == 0 {
		return
	}
	longest := s.opt.Width / 3
	var strips []strip
	for _, name := range slices.Concat([]string{"faults"}, callers, breakers) {
		r := []rune(plain(name))
		if len(r) > longest {
			r = append(r[:longest-1], '…')
		}
		wide = max(wide, len(r))
		strips = append(strips, strip{name: string(r)})
	}
	for i := range strips {
		strips[i].cells = make([]string, max(10, min(s.opt.Width, 120)-wide-3))
	}
	faults(v, end, strips[0].cells)
	for i, c := range callers {
		orders(v, c, end, strips[1+i].cells)
	}
	for i, b := range breakers {
		states(v, b, end, strips[1+len(callers)+i].cells)
	}
	for _, l := range strips {
		if slices.ContainsFunc(l.cells, func(c string) bool { return c != "" }) {
			s.line(fmt.Sprintf("  %-*s %s", wide, l.name, s.cells(l.cells)))
		}
	}
	s.line(s.cut("  " + legend(strips) + "  over " + round(end)))
	s.line("")
}

// cells writes a lane; cells that are alike share their colour.
func (s screen) cells(cells []string) string {
	var b strings.Builder
	for i := 0; i < len(cells); {
		n := i
		for n < len(cells) && cells[n] == cells[i] {
			n++
		}
		sign, colour := " ", ""
		switch {
		case cells[i] == "fault":
			sign, colour = "▒", "31"
		case cells[i] != "":
			sign, colour = marks[cells[i]].sign, marks[cells[i]].colour
		}
		text := strings.Repeat(sign, n-i)
		if colour != "" {
			text = s.paint(colour, text)
		}
		b.WriteString(text)
		i = n
	}
	return strings.TrimRight(b.String(), " ")
}

// legend says what the signs that are there mean.
func legend(strips []strip) string {
	var out []string
	for _, k := range []struct{ name, text string }{
		{"fault", "▒ broken"}, {"ok", "✓ passed"}, {"failed", "✗ failed"}, {"refused", "⊘ refused"}, {"waiting", "… waiting"},
		{"closed", "○ closed"}, {"open", "● open"}, {"half-open", "◐ half-open"},
	} {
		if slices.ContainsFunc(strips, func(l strip) bool { return slices.Contains(l.cells, k.name) }) {
			out = append(out, k.text)
		}
	}
	return strings.Join(out, "  ")
}

// cell is the place of a moment in a lane.
func cell(at, end time.Duration, cells []string) int {
	return max(0, min(len(cells)-1, int(float64(at)/float64(end)*float64(len(cells)))))
}

func faults(v oracle.Verdict, end time.Duration, cells []string) {
	for _, m := range v.Story {
		if m.Kind == "fault" && m.Until > 0 {
			for i := cell(m.At, end, cells); i <= cell(m.Until, end, cells); i++ {
				cells[i] = "fault"
			}
		}
	}
}

// orders marks each order where it ended; a bad end is never hidden behind a good one.
func orders(v oracle.Verdict, lane string, end time.Duration, cells []string) {
	rank := []string{"", "ok", "waiting", "refused", "failed"}
	for _, m := range v.Story {
		if m.Kind != "order" || m.Lane != lane {
			continue
		}
		for i := cell(m.At, end, cells); i <= cell(max(m.At, m.Until), end, cells); i++ {
			if slices.Index(rank, m.Outcome) > slices.Index(rank, cells[i]) {
				cells[i] = m.Outcome
			}
		}
	}
}

// states draws a breaker's state; a half-open moment is too short to see, so it gets a cell of its own.
func states(v oracle.Verdict, lane string, end time.Duration, cells []string) {
	state, next := "closed", 0
	for i := range cells {
		until := end * time.Duration(i+1) / time.Duration(len(cells))
		shown := state
		for ; next < len(v.Story) && v.Story[next].At <= until; next++ {
			m := v.Story[next]
			if m.Kind != "breaker" || m.Lane != lane {
				continue
			}
			state = m.Outcome
			if shown != "half-open" || state == "closed" {
				shown = state
			}
			if m.Outcome == "half-open" {
				shown = "half-open"
			}
		}
		cells[i] = shown
	}
}
