package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const steps = `on: push
env: { WHO: file }
jobs:
  only:
    runs-on: ubuntu-latest
    env: { WHERE: "${{ github.workspace }}/out", WHO: job }
    steps:
      - uses: actions/checkout@v4
      - name: does
        env: { WHAT: step }
        run: |
          echo "$WHO $WHAT $SET"
          mkdir "$WHERE"; echo made > "$WHERE/file"
          echo 'LATER=on' >> "$GITHUB_ENV"
          echo '# page' >> "$GITHUB_STEP_SUMMARY"
      - name: breaks
        run: |
          echo "::stop-commands::t0k3n"
          echo "  ::error file=nowhere,line=9::said by a service"
          echo "::t0k3n::"
          echo "::error title=a%3A b,file=a%2Cb.txt,line=2::broken"
          false
          echo never
      - name: left
        run: echo never
      - name: after all
        if: always()
        run: echo "later $LATER"
      - uses: actions/upload-artifact@v4
        if: always()
        with: { name: x, path: out/ }
`

// play runs a workflow in a repository that holds it.
func play(t *testing.T, text string, set ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("w.yml", []byte(text), 0o600))
	require.NoError(t, os.WriteFile("a,b.txt", []byte("one\ntwo\n"), 0o600))
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "x"}} {
		text, err := exec.Command("git", args...).CombinedOutput()
		require.NoError(t, err, "%s", text)
	}
	var out bytes.Buffer
	err := do(t.Context(), "w.yml", "", set, &out)
	return out.String(), err
}

func TestAWorkflowIsDoneStepByStep(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	out, err := play(t, steps, "SET=by hand")
	require.EqualError(t, err, "failed: breaks")
	for _, want := range []string{"job step by hand\n", "-- on the run's page, 7 bytes:\n# page", "left out, a step before it failed", "later on\n", "-- 1 files, 5 bytes", "-- error at a,b.txt:2: two"} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "never\n")
}

func TestWhatIsNotKnownIsNotPassedOver(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	step := "on: push\njobs:\n  only:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n      - "
	for name, c := range map[string]struct{ text, says string }{
		"an_action":              {step + "uses: somebody/something@v1", "nothing here does what somebody/something@v1 does"},
		"a_condition":            {step + "{ run: 'true', if: github.actor == 'x' }", "is not known here"},
		"an_expression":          {step + "run: echo ${{ secrets.TOKEN }}", "not known here: ${{ secrets.TOKEN }}"},
		"a_field":                {step + "{ run: 'true', shell: fish }", "field shell not found"},
		"neither_run_nor_uses":   {step + "name: x", "want one of run and uses"},
		"an_annotation_nowhere":  {step + "run: 'echo ::error file=nowhere,line=1::x'", "an annotation points nowhere"},
		"an_annotation_too_low":  {step + "run: 'echo ::error file=w.yml,line=99::x'", "points at line 99 of w.yml"},
		"another_command":        {step + "run: 'echo ::set-env name=a::x'", "a step printed ::set-env:: as a command"},
		"a_page_that_is_too_big": {step + `run: head -c 1100000 /dev/zero >> "$GITHUB_STEP_SUMMARY"`, "GitHub takes 1048576"},
		"nothing_to_upload":      {step + "{ uses: actions/upload-artifact@v4, with: { path: nowhere } }", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := play(t, c.text)
			require.Error(t, err)
			require.Contains(t, err.Error()+out, c.says)
		})
	}
}

// The file itself: all that it says is known here.
func TestTheWorkflowOfThisRepositoryIsKnown(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", ".github", "workflows", "resiliency.yml"))
	require.NoError(t, err)
	w, err := parse(text)
	require.NoError(t, err)
	j, err := w.job("")
	require.NoError(t, err)
	r := &runner{workspace: "/w", temp: "/t"}
	env, err := r.environment(w.Env, j.Env)
	require.NoError(t, err)
	require.Equal(t, "/w/reports/ci", env["HALFOPEN_REPORTS"])
	require.Equal(t, "container", env["HALFOPEN_ENV"], "the gate's meaning does not hang on the machine")
	for _, s := range j.Steps {
		_, err := s.wanted(true)
		require.NoError(t, err)
		_, err = r.expand(s.Run, env)
		require.NoError(t, err)
		require.True(t, s.Run == "" || !strings.Contains(s.Run, "TestScenarios"), "what runs is set by the environment")
	}
}
