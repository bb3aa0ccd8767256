package harnesstest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/harnesstest"
)

// Not a test by itself: what [TestWhatBecomesOfATest] has another process play.
func TestPlayed(t *testing.T) {
	dir := os.Getenv("OWN_SCENARIO")
	if dir == "" {
		t.Skip("played by another test")
	}
	var options []harnesstest.Option
	if os.Getenv("OWN_LENIENT") != "" {
		options = append(options, harnesstest.SkipMissingPrograms())
	}
	if spec := os.Getenv("OWN_SIDECAR_SPEC"); spec != "" {
		options = append(options, harnesstest.SidecarResiliency(spec))
	}
	if os.Getenv("OWN_ALL") != "" {
		harnesstest.RunAll(t, dir, options...)
		return
	}
	harnesstest.Run(t, dir, options...)
}

func TestWhatBecomesOfATest(t *testing.T) {
	missing := written(t, "takes", "")
	edit(t, missing, "[./service], port", "[cobol], port")
	bad := written(t, "takes", "")
	edit(t, bad, "wait: { orders: 3 }", "wait: { orders: 0 }")
	whole := written(t, "takes", "")
	impatient := filepath.Join(t.TempDir(), "never-again.yaml")
	require.NoError(t, os.WriteFile(impatient, []byte("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: own }\nspec:\n"+
		"  policies: { retries: { again: { duration: 500ms, maxRetries: 0 } } }\n  targets: { apps: { stock: { retry: again } } }\n"), 0o644))
	for name, c := range map[string]struct {
		real bool // it plays a whole run
		args []string
		env  []string
		says []string
	}{
		"bad_input_fails":                       {false, nil, []string{"OWN_SCENARIO=" + bad}, []string{"--- FAIL: TestPlayed", "timeline[0].wait.orders: fewer than one order"}},
		"a_missing_program_fails":               {false, nil, []string{"OWN_SCENARIO=" + missing}, []string{"--- FAIL: TestPlayed", `services.stock.command: "cobol" is not there`}},
		"or_is_skipped_by_name":                 {false, nil, []string{"OWN_SCENARIO=" + missing, "OWN_LENIENT=1"}, []string{"--- SKIP: TestPlayed", "skipped " + missing, `"cobol" is not there`}},
		"and_so_is_one_of_a_folder":             {false, nil, []string{"OWN_SCENARIO=" + filepath.Dir(missing), "OWN_LENIENT=1", "OWN_ALL=1"}, []string{"--- PASS: TestPlayed", "--- SKIP: TestPlayed/" + missing, `"cobol" is not there`}},
		"what_an_environment_cant_is_skipped":   {false, nil, []string{"OWN_SCENARIO=" + whole, "HALFOPEN_ENV=container"}, []string{"--- SKIP: TestPlayed", "stock is a command and needs --env process, not container"}},
		"a_short_test_is_skipped":               {false, []string{"-test.short"}, []string{"OWN_SCENARIO=" + whole}, []string{"--- SKIP: TestPlayed", "skipped: runs real processes or containers"}},
		"a_folder_without_scenarios_fails":      {false, nil, []string{"OWN_SCENARIO=" + whole, "OWN_ALL=1"}, []string{"--- FAIL: TestPlayed", "no scenario in " + whole}},
		"a_broken_promise_fails_with_its_story": {true, nil, []string{"OWN_SCENARIO=" + whole, "OWN_SIDECAR_SPEC=" + impatient}, []string{"--- FAIL: TestPlayed", whole + ": fail: ", "✗ retry-count", "was given up after 1 attempt", "stop stock for 2s"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.real && testing.Short() {
				t.Skip("skipped: runs real processes")
			}
			t.Parallel()
			program := os.Args[0]
			if c.real {
				program = harnesstest.Binary(t)
			}
			cmd := exec.Command(os.Args[0], append([]string{"-test.run=^TestPlayed$", "-test.v"}, c.args...)...)
			cmd.Env = append(os.Environ(), "HALFOPEN_ENV=process", "HALFOPEN_BIN="+program)
			cmd.Env = append(cmd.Env, c.env...)
			text, _ := cmd.CombinedOutput()
			for _, want := range c.says {
				require.Contains(t, string(text), want)
			}
		})
	}
}
