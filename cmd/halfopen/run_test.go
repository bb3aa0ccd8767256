package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/harnesstest"
)

func TestContainersWithoutAnEngineAreOneClearLine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent")
	code, _, errs := command(t, "run", "--quiet", "--env", "container", "nothing-happens")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "no container engine at DOCKER_HOST=unix:///nonexistent")
	_, told, _ := strings.Cut(errs, "halfopen: ") // before it stands what lint says of the spec
	require.Equal(t, 1, strings.Count(told, "\n"), "%s", errs)
}

func TestAKilledRunLeavesNoProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	reports := t.TempDir()
	c := start(t, nil, "run", "--env", "process", "--reports", reports, "stop-order-processor")
	c.await(t, "wait for 4 orders")
	require.NotEmpty(t, processes(t, reports))
	require.NoError(t, c.Process.Kill())
	c.code(t)
	require.Eventually(t, func() bool { return len(processes(t, reports)) == 0 }, 5*time.Second, 10*time.Millisecond)
	clean := start(t, nil, "clean")
	runs, err := os.ReadDir(reports)
	require.NoError(t, err)
	clean.await(t, runs[0].Name())
	require.Equal(t, exitKept, clean.code(t))
}

// A team has its scenario in a repository of its own, and halfopen from `go install`: nothing of ours is near.
func TestAScenarioOutsideOfTheRepository(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "chaos", "first-orders"), 0o755))
	for name, text := range map[string]string{
		"scenario.yaml": "name: first-orders\nwhy: somebody's first one\nresiliency: ../../deploy.yaml\nservices:\n  payments: { app: order-processor }\n" +
			"  shop: { app: checkout, sends: { to: payments, every: 100ms } }\ntimeline:\n  - wait: { orders: 3 }\n",
		"../../deploy.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: shop }\nspec:\n" +
			"  policies: { retries: { few: { duration: 1s, maxRetries: 3 } } }\n  targets: { apps: { payments: { retry: few } } }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "chaos", "first-orders", name), []byte(text), 0o644))
	}
	program := harnesstest.Binary(t)
	for _, c := range []struct{ from, scenario string }{{".", "./chaos/first-orders"}, {"chaos", "first-orders/scenario.yaml"}, {"chaos/first-orders", "."}} {
		cmd := exec.Command(program, "run", "--env", "process", c.scenario)
		cmd.Dir = filepath.Join(dir, c.from)
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", text)
		require.Contains(t, string(text), "PASS  first-orders: all promises kept")
		runs, err := filepath.Glob(filepath.Join(cmd.Dir, "reports", "first-orders-*", "report.html"))
		require.NoError(t, err)
		require.Len(t, runs, 1)
	}
}
