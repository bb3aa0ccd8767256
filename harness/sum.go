package harness

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

// A Summary is what came of all runs of one scenario.
type Summary struct {
	Scenario string         `json:"scenario"`
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

// Sum adds runs up by scenario, in the order of their names. The timings are read from the runs' folders, since a
// verdict has only their spread.
func Sum(done []Done) []Summary {
	by := map[string]*Summary{}
	recovery, slack, gaps, opens := map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]time.Duration{}
	for _, d := range done {
		s := by[d.Name]
		if s == nil {
			s = &Summary{Scenario: d.Name}
			by[d.Name] = s
		}
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
			continue
		}
		v := d.Run.Verdict
		if v.Figures.Recovery != nil {
			recovery[d.Name] = append(recovery[d.Name], *v.Figures.Recovery)
		}
		slack[d.Name] = append(slack[d.Name], v.Slack.Upper)
		c, err := ReadCase(d.Run.Dir)
		if err != nil {
			continue // its folder is gone: the verdict still counts
		}
		for _, t := range oracle.Timings(c) {
			of := gaps
			if t.Kind == oracle.TimingOpen {
				of = opens
			}
			of[d.Name] = append(of[d.Name], t.Error())
		}
	}
	out := make([]Summary, 0, len(by))
	for name, s := range by {
		s.Recovery, s.Slack = oracle.SpreadOf(recovery[name]), oracle.SpreadOf(slack[name])
		s.Gaps, s.Opens = oracle.SpreadOf(gaps[name]), oracle.SpreadOf(opens[name])
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Summary) int { return cmp.Compare(a.Scenario, b.Scenario) })
	return out
}
