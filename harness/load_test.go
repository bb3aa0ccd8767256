package harness_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/heap"
	"github.com/halfopen/halfopen/harness/problem"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares with a file, or rewrites it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestBadInputIsToldAtOnceWithPlaceAndHint(t *testing.T) {
	dirs, err := filepath.Glob("testdata/bad/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			_, _, err := harness.Load(dir)
			var problems problem.List
			require.True(t, errors.As(err, &problems), "got %v", err)
			golden(t, filepath.Join(dir, "want.txt"), problems.Error()+"\n")
		})
	}
}

func TestWhatIsNoScenarioIsOneProblem(t *testing.T) {
	dir := t.TempDir()
	nonsense := filepath.Join(dir, "nonsense.yaml")
	require.NoError(t, os.WriteFile(nonsense, bytes.Repeat([]byte("\x00\xff nonsense: [{\n"), 2<<20/16), 0o644))
	huge := filepath.Join(dir, "huge.yaml")
	require.NoError(t, os.WriteFile(huge, bytes.Repeat([]byte("x"), 5<<20), 0o644))
	for name, c := range map[string]struct{ path, says string }{
		"a_missing_folder":          {filepath.Join(dir, "nowhere"), "no such file or directory"},
		"a_folder_without_scenario": {dir, "scenario.yaml: can't be read: no such file or directory"},
		"two_mebibytes_of_nonsense": {nonsense, "bytes are too many"},
		"a_huge_file":               {huge, "bytes are too many"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := harness.Load(c.path)
			var problems problem.List
			require.True(t, errors.As(err, &problems), "got %v", err)
			require.Len(t, problems, 1)
			require.Contains(t, problems.Error(), c.says)
		})
	}
}

func TestEveryScenarioOfTheHouseLoads(t *testing.T) {
	dirs, err := filepath.Glob("../scenarios/*/scenario.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(dirs), 6)
	for _, path := range dirs {
		s, spec, err := harness.Load(path)
		require.NoError(t, err, path)
		require.Equal(t, filepath.Base(filepath.Dir(path)), s.Name)
		require.Equal(t, s.Resiliency == "", spec == nil)
		require.Greater(t, len(strings.Fields(s.Why)), 10, "%s: the why teaches something", path)
	}
}

// What nobody can read starts nothing; what daprd would refuse is what somebody may want to see.
func TestTheSidecarsOwnSpecIsReadBeforeAnythingStarts(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o644))
		return path
	}
	huge := write("huge.yaml", bytes.Repeat([]byte("# x\n"), 2<<20/4+1))
	for name, c := range map[string]struct{ path, says string }{
		"it_is_nowhere":   {filepath.Join(dir, "nowhere.yaml"), "no such file or directory"},
		"it_is_too_large": {huge, "bytes are too many"},
		"it_is_not_YAML":  {write("not.yaml", []byte("kind: [\n")), "not YAML"},
		"it_is_prose":     {write("prose.yaml", []byte("a spec, one day\n")), "a resource is a map"},
	} {
		t.Run(name, func(t *testing.T) {
			reports := filepath.Join(dir, "reports")
			_, err := harness.Play(t.Context(), harness.Options{Scenario: "testdata/bad/an-empty-file", SidecarResiliency: c.path, Env: "process", Reports: reports})
			var problems problem.List
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 2, "the scenario's and the spec's")
			require.Contains(t, err.Error(), c.says)
			require.NoDirExists(t, reports)
		})
	}
	_, err := harness.Jobs([]string{"../scenarios/nothing-happens"}, 1, harness.Options{SidecarResiliency: "../scenarios/spec-that-does-not-load/resiliency.yaml"})
	require.NoError(t, err, "daprd refuses it, and that is the point")
}

// However many mistakes a file has, some hundred are told, the others counted, and it takes no more than 100 MB.
func TestThousandsOfMistakesAreToldWithinBounds(t *testing.T) {
	const head = "name: x\nwhy: x\nservices:\n  b: { app: order-processor }\n  a: { app: checkout, sends: { to: b } }\n"
	const tail = "timeline:\n  - wait: { orders: 1 }\n"
	each := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, says string }{
		"unknown_fields":    {head + tail + each(30000, "f%d: 1\n"), "and 900 more at least"},
		"unknown_services":  {head + "timeline:\n" + each(900, "  - fault: { stop: z%d, for: 1s }\n"), "and 800 more: mend these first"},
		"unknown_checks":    {head + tail + "expect: { verdict: fail, checks: [" + each(500, "c%d, ") + "] }\n", "and 400 more"},
		"too_many_steps":    {head + "timeline:\n" + each(20000, "  - heal: z%d\n"), "timeline: 20000 of them are too many: at most 1000 are read"},
		"too_many_services": {"name: x\nwhy: x\nservices:\n" + each(20000, "  s%d: { app: order-processor }\n") + tail, "services: 20000 of them are too many"},
		"too_many_checks":   {head + tail + "expect: { checks: [" + each(20000, "c%d, ") + "] }\n", "expect.checks: 20000 of them are too many"},
		"a_name_of_1_MB":    {head + "timeline:\n  - fault: { stop: " + strings.Repeat("z", 1<<20-500) + ", for: 1s }\n", "zzz…"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x", "scenario.yaml")
			require.NoError(t, os.Mkdir(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte(c.text), 0o644))
			var told string
			require.LessOrEqual(t, heap.Most(func() {
				_, _, err := harness.Load(file)
				told = err.Error()
			}), uint64(heap.Limit))
			require.LessOrEqual(t, strings.Count(told, "\n"), 201)
			require.Less(t, len(told), 100<<10)
			require.Contains(t, told, c.says)
		})
	}
}

// A pipe tells no size beforehand, and may never end.
func TestAPipeIsReadWithinBounds(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer w.Close()
		line := bytes.Repeat([]byte("#"), 1<<10)
		for range 3 << 10 {
			if _, err := w.Write(line); err != nil {
				return // who has read enough reads no more
			}
		}
	}()
	_, _, err = harness.Load(fmt.Sprintf("/dev/fd/%d", r.Fd()))
	require.NoError(t, r.Close())
	<-done
	require.ErrorContains(t, err, "more than 2097152 bytes are too many")
}
