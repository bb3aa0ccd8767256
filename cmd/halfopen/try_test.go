package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/scenario"
)

func TestANewScenarioIsPlannedAtOnceAndNothingIsOverwritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "payments-go-away")
	code, out, errs := command(t, "init", "--app-id", "payments", "--resiliency", "cmd/halfopen/testdata/two-targets.yaml", dir)
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "the breaker opens after 2s, and stays open for 1s at a time")
	require.Contains(t, out, "halfopen plan "+dir)
	written := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		written[e.Name()] = string(text)
	}
	require.Len(t, written, 3)
	require.True(t, strings.HasPrefix(written["scenario.yaml"], "# yaml-language-server: $schema=scenario.schema.json\n"))
	require.Equal(t, string(scenario.Schema), written["scenario.schema.json"])
	code, out, errs = again(t, "plan", dir)
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "stop payments for 5s")
	code, _, errs = again(t, "init", "--resiliency", "cmd/halfopen/testdata/two-targets.yaml", "--app-id", "stock", dir)
	require.Equal(t, exitUsage, code)
	require.Equal(t, 3, strings.Count(errs, "nothing is overwritten"), errs)
	for name, before := range written {
		after, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, before, string(after))
	}
}

func TestASpecIsTriedInOneLineAndItsRunRepeated(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	reports, temp := t.TempDir(), t.TempDir()
	c := start(t, []string{"TMPDIR=" + temp}, "try", "cmd/halfopen/testdata/two-targets.yaml", "--target", "payments", "--caller", "shop", "--env", "process", "--reports", reports)
	require.Contains(t, []int{exitKept, exitUnknown}, c.code(t), "%s", c.all.String()) // unknown where the machine is too busy
	require.Contains(t, c.all.String(), "payments:orders: from closed to open on the 3rd failure")
	require.Contains(t, c.all.String(), "again:  halfopen run "+reports+"/stop-payments-")
	runs, err := os.ReadDir(reports)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
	c = start(t, nil, "run", "--env", "process", "--reports", reports, filepath.Join(reports, runs[0].Name()))
	require.Contains(t, []int{exitKept, exitUnknown}, c.code(t), "%s", c.all.String())
	require.Contains(t, c.all.String(), "stop-payments: ")
}
