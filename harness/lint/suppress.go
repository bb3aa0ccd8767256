package lint

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/halfopen/halfopen/harness/problem"
)

// A file is one source and what is found in it.
type file struct {
	source   *Source
	foreign  bool // there are kinds beside that only Kubernetes knows: it is for kubectl
	findings []Finding
	told     map[Finding]bool // without their fields: what an anchor holds is one place, whoever refers to it
}

// maxFindings is how many are told of one file: who has so many has enough to begin with.
const maxFindings = 1000

func (f *file) add(x Finding) {
	x.File = f.source.Name
	same := x
	same.Field = ""
	if len(f.findings) < maxFindings && !f.told[same] {
		if f.told == nil {
			f.told = map[Finding]bool{}
		}
		f.told[same] = true
		f.findings = append(f.findings, x)
	}
}

// A suppression is a comment that silences rules on its own line, or on the next one that has more than a comment.
type suppression struct {
	line, column, end int // the comment
	on                int // the line that it is about
	rules             []string
	because           string
	used              map[string]bool
}

var ignoring = regexp.MustCompile(`(?:^|\s)#\s*halfopen:ignore\b[ \t]*(.*?)\s*$`)

// settle takes a file's findings into a report: with the text of their lines, without what comments silence.
func (f *file) settle(o Options, report *Report) {
	if len(f.findings) == 0 && !strings.Contains(string(f.source.Data), "halfopen:ignore") {
		return
	}
	lines := strings.Split(strings.ReplaceAll(string(f.source.Data), "\r\n", "\n"), "\n")
	silences := suppressions(lines)
	onLine := map[int][]*suppression{}
	for _, s := range silences {
		onLine[s.on] = append(onLine[s.on], s)
	}
	before := len(report.Findings)
	lengths := map[int]int{}
	place := func(x *Finding) {
		x.Line = max(1, min(x.Line, len(lines)))
		text := lines[x.Line-1]
		if _, known := lengths[x.Line]; !known {
			lengths[x.Line] = utf8.RuneCountInString(text)
		}
		clamp(x, lengths[x.Line])
		x.Source = text[:min(len(text), utf8.UTFMax*maxExcerpt)]
	}
	for _, x := range f.findings {
		place(&x)
		if s := silenced(onLine[x.Line], x); s != nil {
			s.used[x.Rule] = true
			report.Suppressed = append(report.Suppressed, Suppressed{Finding: x, Because: s.because})
			continue
		}
		report.Findings = append(report.Findings, x)
	}
	if len(f.findings) >= maxFindings {
		report.Unread = append(report.Unread, problem.Problem{File: f.source.Name, What: fmt.Sprintf("there are more than %d findings: the others are not told", maxFindings)})
	}
	for _, s := range silences[:min(len(silences), maxFindings)] {
		x := s.finding(o)
		if x.What == "" {
			continue
		}
		x.File = f.source.Name
		place(&x)
		report.Findings = append(report.Findings, x)
	}
	slices.SortStableFunc(report.Findings[before:], func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
}

func suppressions(lines []string) []*suppression {
	var out []*suppression
	next := nextCode(lines)
	for i, line := range lines {
		m := ignoring.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		hash := m[0] + strings.IndexByte(line[m[0]:], '#')
		s := &suppression{
			used: map[string]bool{},
			line: i + 1, on: i + 1, column: utf8.RuneCountInString(line[:hash]) + 1, end: utf8.RuneCountInString(line) + 1,
		}
		if strings.TrimSpace(line[:hash]) == "" {
			s.on = next[i]
		}
		ids, because, _ := strings.Cut(line[m[2]:m[3]], "because")
		s.because = strings.TrimSpace(because)
		s.rules = strings.FieldsFunc(ids, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
		out = append(out, s)
	}
	return out
}

// nextCode gives for each line the first one after it that has more than a comment, counted from 1.
func nextCode(lines []string) []int {
	out := make([]int, len(lines))
	next := len(lines)
	for i := len(lines) - 1; i >= 0; i-- {
		out[i] = next
		if text := strings.TrimSpace(lines[i]); text != "" && text[0] != '#' {
			next = i + 1
		}
	}
	return out
}

// silenced finds the suppression of a finding among those of its line; one without a reason silences nothing.
func silenced(all []*suppression, x Finding) *suppression {
	for _, s := range all {
		if s.because == "" {
			continue
		}
		for _, id := range s.rules {
			if strings.EqualFold(id, x.Rule) {
				return s
			}
		}
	}
	return nil
}

// finding says what is wrong with the suppression itself; an empty What where nothing is.
func (s *suppression) finding(o Options) Finding {
	rule := l00()
	x := Finding{Rule: rule.ID, Severity: rule.Severity, Line: s.line, Column: s.column, EndColumn: s.end, Mend: rule.Mend}
	var idle []string
	for _, id := range s.rules {
		r, known := Find(id)
		if !known {
			x.What, x.Effect = fmt.Sprintf("there is no rule %q", id), "nothing is suppressed by it"
			return x
		}
		if maybe := r.needs != nil && !r.needs(o); !maybe && !s.used[r.ID] {
			idle = append(idle, r.ID)
		}
	}
	switch {
	case len(s.rules) == 0:
		x.What, x.Effect = "a suppression that names no rule", "nothing is suppressed"
	case s.because == "":
		x.What, x.Effect = "a suppression without a reason", "nothing is suppressed: the findings are told as if it weren't there"
		x.Mend = "# halfopen:ignore " + strings.Join(s.rules, ", ") + " because …"
	case len(idle) > 0:
		x.What = fmt.Sprintf("a suppression of %s that suppresses nothing", strings.Join(idle, ", "))
		x.Effect, x.Mend = "it would hide the finding on the day when there is one again", "remove it"
	}
	return x
}
