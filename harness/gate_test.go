package harness_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

// lineOf is the text of the line where a check's promise is written down.
func lineOf(t *testing.T, dir, check string) string {
	t.Helper()
	s, spec, err := harness.Load(dir)
	require.NoError(t, err)
	at := oracle.Promised(oracle.Case{Plan: scenario.NewPlan(s, spec), Spec: spec}, check)
	file := s.File
	if at.Spec {
		file = filepath.Join(s.Dir, s.Resiliency)
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	n := document.Line(text, at.Path...)
	require.Positive(t, n, "%s %s: %v", dir, check, at.Path)
	return strings.TrimSpace(strings.Split(string(text), "\n")[n-1])
}

func TestEachPromiseIsWrittenDownSomewhere(t *testing.T) {
	dirs, err := filepath.Glob("../scenarios/*/scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, file := range dirs {
		for _, check := range oracle.CheckNames() {
			require.NotEmpty(t, lineOf(t, filepath.Dir(file), check), "%s: %s", file, check)
		}
	}
}

func TestAPromiseIsAtItsField(t *testing.T) {
	const home = "../scenarios/stop-order-processor"
	for check, want := range map[string]string{
		"retry-count": "maxRetries: -1", "breaker-trips": "trip: consecutiveFailures >= 5", "open-time": "timeout: 5s",
		"half-open-admissions": "maxRequests: 1", "fault-effective": "- fault: { stop: order-processor, for: 45s }",
		"orders-lost": "checkout: { app: checkout, sends: { to: order-processor, every: 1s } }", "policy-loaded": "name: myresiliency",
		"recovery": "retryForever:", // its duration is the default
		"baseline": "policies:",
	} {
		require.Equal(t, want, lineOf(t, home, check), check)
	}
	require.Equal(t, "patience: 1s", lineOf(t, "../scenarios/black-hole-with-timeout", "attempt-timeout"))
	require.Equal(t, "name: no-spec-at-all", lineOf(t, "../scenarios/no-spec-at-all", "policy-loaded"))
}
