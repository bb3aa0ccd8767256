package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// savedRun is a run's folder, made of a recorded one, as if it were of the scenario in this checkout; under another
// spec where a replacement is given.
func savedRun(t *testing.T, name string, replace ...string) string {
	t.Helper()
	root := root(t)
	from, dir := filepath.Join(root, "harness", "oracle", "testdata", "stop-order-processor"), filepath.Join(t.TempDir(), name)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, file := range []string{"plan.json", "history.jsonl", "resiliency.yaml"} {
		text, err := os.ReadFile(filepath.Join(from, file))
		require.NoError(t, err)
		if file == "resiliency.yaml" {
			text = []byte(strings.NewReplacer(replace...).Replace(string(text)))
		}
		text = bytes.ReplaceAll(text, []byte("stop-order-processor-20261124-111830-3bf160"), []byte(name))
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), text, 0o600))
	}
	text, err := os.ReadFile(filepath.Join(root, "scenarios", "stop-order-processor", "scenario.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "scenario.yaml"), text, 0o600))
	return dir
}

// slower makes the spec promise something that the recorded run did not keep.
var slower = []string{"policy: constant", "policy: constant\n        duration: 4s"}

func TestABaselineIsAcceptedShownAndHeldAgainst(t *testing.T) {
	var accepted []string
	for _, name := range strings.Split("abcdefghij", "") {
		accepted = append(accepted, savedRun(t, name))
	}
	broken, file := savedRun(t, "broken", slower...), filepath.Join(t.TempDir(), "reports", "baseline.json")
	code, _, errs := command(t, append([]string{"baseline", "update", "--baseline", file, broken}, accepted...)...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "broken: its verdict is fail: retry-gap: ")
	require.NoFileExists(t, file, "nothing is accepted where one run can't be")

	code, out, errs := command(t, append([]string{"baseline", "update", "--baseline", file}, accepted...)...)
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "10 runs accepted")
	code, out, errs = command(t, "baseline", "show", "--baseline", file)
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "stop-order-processor in process, 10 accepted; 4 that are all worse tell it from chance")
	require.Regexp(t, `recovery +994ms`, out)

	same := savedRun(t, "same")
	code, out, errs = command(t, "baseline", "check", "--baseline", file, same)
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "no worse than accepted")
	text, err := os.ReadFile(filepath.Join(same, "summary.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), "| recovery | 994ms | 994ms |  | ✅ |")
	before, err := os.ReadFile(filepath.Join(same, "verdict.json"))
	require.NoError(t, err)
	code, _, _ = command(t, "check", "-q", same)
	require.Equal(t, exitKept, code)
	after, err := os.ReadFile(filepath.Join(same, "verdict.json"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "the comparison lies with the run")

	better, err := os.ReadFile(file) // as if the accepted runs had recovered in half the time
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(better, []byte(`"recovery_ns":993604087`), []byte(`"recovery_ns":496802043`)), 0o600))
	code, out, errs = command(t, "baseline", "check", "--baseline", file, same)
	require.Equal(t, exitUnknown, code, "%s%s", out, errs)
	require.Contains(t, out, "1 run can't tell it from chance: with 10 accepted it takes 4")
	worse := []string{same, savedRun(t, "s"), savedRun(t, "t"), savedRun(t, "u")}
	code, out, _ = command(t, append([]string{"baseline", "check", "--baseline", file}, worse...)...)
	require.Equal(t, exitBroken, code, out)
	require.Contains(t, out, "✗ recovery")
	for _, dir := range worse {
		text, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
		require.NoError(t, err)
		require.Contains(t, string(text), `<failure message="recovery: 994ms in 4 runs, 497ms accepted in 10 runs: 100 % worse`)
	}
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(better, []byte(`"env": "process"`), []byte(`"env": "container"`)), 0o600))
	code, out, _ = command(t, "baseline", "check", "--baseline", file, same)
	require.Equal(t, exitUnknown, code, "nothing accepted for this environment is no pass")
	require.Contains(t, out, "nothing was accepted yet")
}

func TestWhatTheExitCodeTells(t *testing.T) {
	kept, broken := savedRun(t, "kept"), savedRun(t, "broken", slower...)
	unknown := savedRun(t, "unknown")
	cut(t, unknown)
	warned := savedRun(t, "warned", slower...)
	text, err := os.ReadFile(filepath.Join(warned, "plan.json"))
	require.NoError(t, err)
	text = bytes.Replace(text, []byte(`"Verdict": "pass"`), []byte(`"Verdict": "pass", "Severity": {"retry-gap": "warn", "recovery": "warn", "retry-count": "warn"}`), 1)
	require.Contains(t, string(text), "warn")
	require.NoError(t, os.WriteFile(filepath.Join(warned, "plan.json"), text, 0o600))
	for _, c := range []struct {
		dir, failOn string
		code        int
	}{
		{kept, "warn", exitKept}, {kept, "broken", exitKept},
		{broken, "broken", exitBroken}, {broken, "unknown", exitBroken},
		{unknown, "unknown", exitUnknown}, {unknown, "broken", exitUnknown}, // cut short: it shows nothing at all
		{warned, "unknown", exitKept}, {warned, "broken", exitKept}, {warned, "warn", exitBroken},
	} {
		code, out, errs := command(t, "check", "--fail-on", c.failOn, c.dir)
		require.Equal(t, c.code, code, "%s --fail-on %s: %s%s", filepath.Base(c.dir), c.failOn, out, errs)
		if c.dir == warned {
			require.Contains(t, out, "warning: retry-gap: ", "it is told all the same")
		}
	}
}

// cut takes a history's end off.
func cut(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "history.jsonl")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text[:bytes.LastIndexByte(bytes.TrimSpace(text), '\n')+1], 0o600))
}

func TestGitHubIsToldWhereItAsks(t *testing.T) {
	kept, broken, summary := savedRun(t, "kept"), savedRun(t, "broken", slower...), filepath.Join(t.TempDir(), "summary.md")
	_, out, _ := command(t, "check", broken)
	require.NotContains(t, out, "::", "nowhere else")

	root, err := os.Getwd()
	require.NoError(t, err)
	plan, err := os.ReadFile(filepath.Join(broken, "plan.json"))
	require.NoError(t, err)
	folder := filepath.Join(root, "scenarios", "stop-order-processor") // the recorded plan has none
	plan = bytes.Replace(plan, []byte(`"Name": "stop-order-processor",`), fmt.Appendf(nil, `"Name": "stop-order-processor", "Dir": %q, "File": %q,`, folder, folder+"/scenario.yaml"), 1)
	require.NoError(t, os.WriteFile(filepath.Join(broken, "plan.json"), plan, 0o600))
	t.Setenv("GITHUB_ACTIONS", "true")
	t.Setenv("GITHUB_STEP_SUMMARY", summary)
	t.Setenv("GITHUB_WORKSPACE", root)
	code, out, errs := command(t, "check", kept, broken)
	require.Equal(t, exitBroken, code, errs)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Regexp(t, `^::stop-commands::[0-9a-f]{32}$`, lines[0], "what services log is no command")
	token := strings.TrimPrefix(lines[0], "::stop-commands::")
	_, told, ended := strings.Cut(out, "\n::"+token+"::\n")
	require.True(t, ended)
	require.True(t, strings.HasPrefix(told, "::error title=stop-order-processor%3A retry-gap,file=scenarios/stop-order-processor/resiliency.yaml,line=1"), told)
	text, err := os.ReadFile(summary)
	require.NoError(t, err)
	require.Contains(t, string(text), "| ❌ | stop-order-processor |")
	command(t, "check", "-q", kept, broken)
	again, err := os.ReadFile(summary)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again), "each run once")

	require.NoError(t, os.WriteFile(summary, bytes.Repeat([]byte("x"), mostSummaryBytes-700), 0o600))
	command(t, "check", "-q", kept, broken)
	text, err = os.ReadFile(summary)
	require.NoError(t, err)
	require.LessOrEqual(t, len(text), mostSummaryBytes)
	require.Contains(t, string(text), "stop-order-processor", "what there is room for")
}

func TestFiguresOfManyRunsAreOneText(t *testing.T) {
	a, b := savedRun(t, "a"), savedRun(t, "b")
	code, out, errs := command(t, "report", "--format", "openmetrics", a, b)
	require.Equal(t, exitKept, code, errs)
	require.Equal(t, 2, strings.Count(out, "\nhalfopen_recovery_seconds{"))
	require.True(t, strings.HasSuffix(out, "# EOF\n"))
	code, out, errs = command(t, "report", "--format", "markdown", a, b)
	require.Equal(t, exitKept, code, errs)
	require.Equal(t, 2, strings.Count(out, "\n## "))
}

// The commands of docs/gate.md: run --repeat writes index.html beside its runs, and baseline update its file.
func TestAFolderOfRunsStandsForItsRunsAndWhatIsWrittenBesideThemIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	accepted := filepath.Join(dir, "accepted")
	for _, name := range []string{"one", "two"} {
		require.NoError(t, os.CopyFS(filepath.Join(accepted, name), os.DirFS(filepath.Join("..", "..", "reports", "example", "pass"))))
	}
	code, _, errs := command(t, "report", "--index", accepted)
	require.Equal(t, exitKept, code, errs)
	file := filepath.Join(accepted, "baseline.json")
	for range 2 { // the second time the baseline lies there, too
		all, err := filepath.Glob(filepath.Join(accepted, "*"))
		require.NoError(t, err)
		for _, runs := range [][]string{{accepted}, all} {
			for _, args := range [][]string{{"baseline", "update", "--baseline", file}, {"check"}, {"report", "--format", "openmetrics"}} {
				code, out, errs := again(t, append(args, runs...)...)
				require.Equal(t, exitKept, code, "%v: %s", args, errs)
				if args[0] == "baseline" {
					require.Contains(t, out, "2 runs accepted")
				}
			}
		}
	}
	code, _, errs = again(t, "check", filepath.Join(accepted, "index.html"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "no run lies here")
}

func TestATargetThatIsAlmostNamedIsToldBeforeTheRunAndInItsVerdict(t *testing.T) {
	typo := []string{"order-processor:", "order-procesor:"}
	run := savedRun(t, "typo", typo...)
	code, out, errs := command(t, "check", run)
	require.Equal(t, exitBroken, code, errs) // the recorded run kept other policies
	const says = "warning: targets.apps names order-procesor, which is no service, and not order-processor"
	require.Contains(t, out, says)
	for _, form := range []string{"html", "markdown"} {
		_, out, _ = again(t, "report", "--format", form, run)
		require.Contains(t, out, says)
	}

	dir := filepath.Join(t.TempDir(), "flapping")
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("scenarios", "flapping"))))
	spec, err := os.ReadFile(filepath.Join(dir, "resiliency.yaml"))
	require.NoError(t, err)
	spec = []byte(strings.NewReplacer(typo...).Replace(string(spec)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "resiliency.yaml"), spec, 0o644))
	t.Setenv("DOCKER_HOST", "unix:///nonexistent")
	_, _, errs = again(t, "run", "--env", "container", dir)
	require.Contains(t, errs, "spec.targets.apps.order-procesor: no service of the scenario has this app id\n    hint: did you mean order-processor?")
}
