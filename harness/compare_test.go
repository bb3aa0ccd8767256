package harness_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// fared is a verdict of two checks. redial is when its sidecar dialled again, where that explains its recovery.
func fared(sidecar string, recovery, gap oracle.Outcome, took, redial time.Duration) oracle.Verdict {
	v := oracle.Verdict{Sidecar: sidecar, Env: "process", Outcome: oracle.Pass, Results: []oracle.Result{
		{Check: "recovery", Applies: true, Outcome: recovery}, {Check: "retry-gap", Applies: true, Outcome: gap},
	}}
	for i := range v.Results {
		r := &v.Results[i]
		if r.Outcome != oracle.Pass && v.Outcome != oracle.Fail {
			v.Outcome = r.Outcome
		}
		if r.Outcome == oracle.Fail {
			r.Findings = []oracle.Finding{{What: "broken"}}
		}
	}
	v.Figures.Recovery, v.Figures.Uncrossed = &took, 4
	if redial > 0 {
		v.Figures.Redial = &redial
		for i := range v.Results[0].Findings {
			v.Results[0].Findings[i].Cause = "redial"
		}
	}
	return v
}

// A check that is in play with one sidecar alone, and kept, is explained where that is daprd's, and nowhere else.
func TestAChecksComingIntoPlayIsExplainedOrFlagged(t *testing.T) {
	judged := func(sidecar, check string, outcome oracle.Outcome, applies bool, uncrossed int) oracle.Verdict {
		v := oracle.Verdict{Sidecar: sidecar, Results: []oracle.Result{{Check: check, Applies: applies, Outcome: outcome}}}
		v.Figures.Uncrossed = uncrossed
		return v
	}
	const known, flagged = "known", "flagged"
	for name, c := range map[string]struct {
		builtin, daprd oracle.Verdict
		want           string // "" for no difference
	}{
		"words_of_a_release":        {judged("builtin", "log-wording", oracle.Pass, false, 0), judged("daprd 1", "log-wording", oracle.Pass, true, 0), ""},
		"another_releases_words":    {judged("builtin", "log-wording", oracle.Pass, false, 0), judged("daprd 1", "log-wording", oracle.Fail, true, 0), flagged},
		"its_breaker_opened":        {judged("builtin", "open-time", oracle.Pass, false, 0), judged("daprd 1", "open-time", oracle.Pass, true, 3), known},
		"it_opened_for_no_reason":   {judged("builtin", "open-time", oracle.Pass, false, 0), judged("daprd 1", "open-time", oracle.Pass, true, 0), flagged},
		"it_did_not_open":           {judged("builtin", "open-time", oracle.Pass, true, 0), judged("daprd 1", "open-time", oracle.Pass, false, 3), flagged},
		"it_opened_and_broke_it":    {judged("builtin", "open-time", oracle.Pass, false, 0), judged("daprd 1", "open-time", oracle.Fail, true, 3), flagged},
		"a_check_of_something_else": {judged("builtin", "attempt-timeout", oracle.Pass, false, 0), judged("daprd 1", "attempt-timeout", oracle.Pass, true, 3), flagged},
		"the_others_breaker_opened": {judged("builtin", "open-time", oracle.Pass, true, 3), judged("daprd 1", "open-time", oracle.Pass, false, 0), flagged},
	} {
		t.Run(name, func(t *testing.T) {
			got := harness.Differences([]oracle.Verdict{c.builtin, c.daprd})
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Equal(t, c.want == known, got[0].Why != "", got[0].Why)
		})
	}
}

// twice adds a finding of recovery that nothing explains.
func twice(v oracle.Verdict) oracle.Verdict {
	v.Results[0].Findings = append(v.Results[0].Findings, oracle.Finding{What: "another caller was late too"})
	return v
}

func TestDifferencesAreExplainedOrFlagged(t *testing.T) {
	builtin := fared("builtin", oracle.Pass, oracle.Pass, time.Second, 0)
	for name, c := range map[string]struct {
		daprd              oracle.Verdict
		says               []string
		unexplained, blind int
	}{
		"alike":                 {fared("daprd 1", oracle.Pass, oracle.Pass, 900*time.Millisecond, 0), nil, 0, 0},
		"it_dials_again_late":   {fared("daprd 1", oracle.Fail, oracle.Pass, 20*time.Second, 18*time.Second), []string{"recovery: pass / fail, known", "recovery after readiness: 1s / 20s, known"}, 0, 0},
		"in_time_but_later":     {fared("daprd 1", oracle.Pass, oracle.Pass, 4*time.Second, 3*time.Second), []string{"recovery after readiness: 1s / 4s, known"}, 0, 0},
		"late_for_no_reason":    {fared("daprd 1", oracle.Fail, oracle.Pass, 20*time.Second, 0), []string{"recovery: pass / fail"}, 1, 0},
		"the_builtin_was_late":  {fared("builtin", oracle.Fail, oracle.Pass, 20*time.Second, 18*time.Second), []string{"recovery: pass / fail"}, 1, 0},
		"one_of_two_callers":    {twice(fared("daprd 1", oracle.Fail, oracle.Pass, 20*time.Second, 18*time.Second)), []string{"recovery: pass / fail", "recovery after readiness: 1s / 20s, known"}, 1, 0},
		"another_broken_gap":    {fared("daprd 1", oracle.Pass, oracle.Fail, time.Second, 0), []string{"retry-gap: pass / fail"}, 1, 0},
		"one_side_is_not_known": {fared("daprd 1", oracle.Pass, oracle.Unknown, time.Second, 0), []string{"retry-gap: pass / unknown"}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			verdicts := []oracle.Verdict{builtin, c.daprd}
			all := report.Comparison{Sidecars: []string{"builtin", "daprd 1-standin"}, Env: "process", Scenarios: []report.Compared{
				{Scenario: "story", Verdicts: verdicts, Differences: harness.Differences(verdicts)},
			}}
			var got []string
			for _, d := range all.Scenarios[0].Differences {
				text := d.What + ": " + strings.Join(d.Values, " / ")
				if d.Why != "" {
					text += ", known"
				}
				got = append(got, text)
			}
			require.Equal(t, c.says, got)
			unexplained, blind := all.Flagged()
			require.Equal(t, []int{c.unexplained, c.blind}, []int{unexplained, blind})
			var screen, page strings.Builder
			report.CompareTerminal(&screen, all)
			report.CompareMarkdown(&page, all, "halfopen compare")
			require.Equal(t, c.unexplained > 0, strings.Contains(screen.String(), "UNEXPLAINED"))
			require.Equal(t, c.unexplained > 0, strings.Contains(page.String(), "**UNEXPLAINED**"))
			require.Contains(t, page.String(), "**No daprd was run for this page.**")
			require.Equal(t, len(c.says) == 0, strings.Contains(screen.String(), "alike"))
		})
	}
}
