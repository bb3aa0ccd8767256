package report_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

func inRepository(file string) string {
	rel, _ := filepath.Rel("/repo", file)
	if strings.HasPrefix(rel, "..") {
		return ""
	}
	return rel
}

func TestAnAnnotationStandsAtTheLineOfThePromise(t *testing.T) {
	in := input(t, "policy: constant", "policy: constant\n        duration: 4s")
	in.Places = map[string]report.Place{"retry-gap": {File: "/repo/scenarios/a,b:c/resiliency.yaml", Line: 12}, "steady-state": {File: "/elsewhere/scenario.yaml", Line: 3}}
	in.Verdict.Results[1].Outcome, in.Verdict.Results[1].Why = oracle.Unknown, "100% sure\nof nothing"
	text := string(report.Annotations(in, inRepository))
	require.Contains(t, text, "::error title=stop-order-processor%3A retry-gap,file=scenarios/a%2Cb%3Ac/resiliency.yaml,line=12::")
	require.Contains(t, text, "::warning title=stop-order-processor%3A fault-effective::could not be judged: 100%25 sure of nothing\n")
	for i := range in.Verdict.Results {
		in.Verdict.Results[i].Severity = oracle.Warn
	}
	require.NotContains(t, string(report.Annotations(in, inRepository)), "::error", "what only warns is a warning")
	require.Empty(t, report.Annotations(input(t), inRepository), "nothing is said of a pass")
}

func TestAnAnnotationThatIsExpectedIsNotMade(t *testing.T) {
	in := input(t)
	in.Verdict.Expected, in.Plan.Scenario.Expect.Checks = "fail: fault-effective", []string{"fault-effective"}
	in.Verdict.Results[1].Outcome = oracle.Fail
	require.Empty(t, report.Annotations(in, inRepository))
}

func TestHostileStringsMakeNoCommands(t *testing.T) {
	for _, bad := range append(hostile, "::error::x", "\n::set-output name=a::b", "a%0A::warning::b", "##[error]x", "\r\n::add-mask::y") {
		in := input(t)
		in.Places = map[string]report.Place{"policy-loaded": {File: "/repo/" + bad, Line: 1}}
		in.Verdict.Scenario, in.Verdict.Outcome = bad, oracle.Fail
		in.Verdict.Results[0].Outcome = oracle.Fail
		in.Verdict.Results[0].Findings = []oracle.Finding{{What: bad}}
		in.Verdict.Why = []string{"history: " + bad}
		text := string(report.Annotations(in, func(file string) string { return strings.TrimPrefix(file, "/repo/") }))
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		require.Len(t, lines, 2, "%q", text)
		for _, line := range lines {
			require.True(t, strings.HasPrefix(line, "::error title="), "%q", line)
			require.NotContains(t, line, "\r")
			_, behind, found := strings.Cut(line[2:], "::")
			require.True(t, found)
			head := line[:len(line)-len(behind)]
			require.LessOrEqual(t, strings.Count(head, "::"), 2, "a property ends the head early: %q", head)
		}
	}
}

func TestManyRunsAreOnePageThatKeepsToItsSize(t *testing.T) {
	pass, fail := input(t), input(t, "policy: constant", "policy: constant\n        duration: 4s")
	text := string(report.Summary([]report.Input{pass, fail}, 1<<20))
	require.Less(t, strings.Index(text, "| ❌ |"), strings.Index(text, "| ✅ |"), "what is broken comes first")
	require.Contains(t, text, "## ❌ stop-order-processor")
	require.Contains(t, text, "## ✅ stop-order-processor")
	require.Equal(t, string(report.Markdown(pass)), string(report.Summary([]report.Input{pass}, 1<<20)), "one run needs no table of runs")
	many := make([]report.Input, 200)
	for i := range many {
		many[i] = fail
		many[i].Verdict.Why = []string{strings.Repeat("|\n`x` ", 100_000)}
	}
	for _, most := range []int{0, 10, 200, 2_000, 50_000, 400_000, 1 << 20} {
		text := report.Summary(many, most)
		require.LessOrEqual(t, len(text), most)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "| ❌ |") {
				require.Equal(t, 5, strings.Count(line, "|"), "a cell breaks the table: %q", line)
			}
		}
	}
	require.Contains(t, string(report.Summary(many, 400_000)), "more")
}
