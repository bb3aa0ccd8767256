package harness

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

// A Summary is what came of a number of runs.
type Summary struct {
	Scenario string         `json:"scenario"` // all: of every scenario
	Runs     int            `json:"runs"`
	Kept     int            `json:"kept"`
	Broken   int            `json:"broken"`
	Unknown  int            `json:"unknown"`
	NotRun   int            `json:"not_run"`
	Recovery *oracle.Spread `json:"recovery"`   // after the target was ready; null where nothing was away
	Gaps     *oracle.Spread `json:"gap_error"`  // of all retry gaps of all runs, against the spec
	Opens    *oracle.Spread `json:"open_error"` // of all open times
	Slack    *oracle.Spread `json:"slack"`      // how late each run measured the machine to be
}

// Sum adds runs up: by scenario, in the order of their names, and all of them. The timings are read from the runs'
// folders, since a verdict has only their spread.
func Sum(done []Done) (rows []Summary, all Summary) {
	by := map[string]*sums{}
	total := &sums{}
	for _, d := range done {
		s := by[d.Name]
		if s == nil {
			s = &sums{Summary: Summary{Scenario: d.Name}}
			by[d.Name] = s
		}
		var timings []oracle.Timing
		if d.Run != nil {
			if c, err := ReadCase(d.Run.Dir); err == nil { // where its folder is gone the verdict still counts
				timings = oracle.Timings(c)
			}
		}
		s.add(d, timings)
		total.add(d, timings)
	}
	for _, s := range by {
		rows = append(rows, s.settle())
	}
	slices.SortFunc(rows, func(a, b Summary) int { return cmp.Compare(a.Scenario, b.Scenario) })
	all = total.settle()
	all.Scenario = "all"
	return rows, all
}

// sums are a summary on its way.
type sums struct {
	Summary
	recovery, slack, gaps, opens []time.Duration
}

func (s *sums) add(d Done, timings []oracle.Timing) {
	switch s.Runs++; {
	case errors.Is(d.Err, ErrNotRun):
		s.NotRun++
	case d.Exit() == 0:
		s.Kept++
	case d.Exit() == 1:
		s.Broken++
	default:
		s.Unknown++
	}
	if d.Run == nil {
		return
	}
	if r := d.Run.Verdict.Figures.Recovery; r != nil {
		s.recovery = append(s.recovery, *r)
	}
	s.slack = append(s.slack, d.Run.Verdict.Slack.Upper)
	for _, t := range timings {
		if t.Kind == oracle.TimingOpen {
			s.opens = append(s.opens, t.Error())
		} else {
			s.gaps = append(s.gaps, t.Error())
		}
	}
}

func (s *sums) settle() Summary {
	s.Recovery, s.Slack = oracle.SpreadOf(s.recovery), oracle.SpreadOf(s.slack)
	s.Gaps, s.Opens = oracle.SpreadOf(s.gaps), oracle.SpreadOf(s.opens)
	return s.Summary
}

// SumMarkdown tells summaries as a table in Markdown.
func SumMarkdown(rows []Summary) string {
	var b strings.Builder
	b.WriteString("| scenario | runs | kept | broken | unknown | recovery: median, p99 | gap error: median, p99 (of) | open time error: median, p99 (of) | slack: median, p99 |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %s | %s | %s | %s |\n", r.Scenario, r.Runs, r.Kept, r.Broken, r.Unknown,
			spread(r.Recovery, false), spread(r.Gaps, true), spread(r.Opens, true), spread(r.Slack, false))
	}
	return b.String()
}

func spread(s *oracle.Spread, of bool) string {
	if s == nil {
		return "–"
	}
	fine := func(d time.Duration) string {
		return d.Round(100 * time.Microsecond).String()
	}
	text := fine(s.Median) + ", " + fine(s.P99)
	if of {
		text += fmt.Sprintf(" (%d)", s.N)
	}
	return text
}
