package harness_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
)

func TestWhatIsLegalAndProbablyNotMeantIsWarnedOf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "warned")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "scenario.yaml"), []byte(`name: warned
why: x
resiliency: resiliency.yaml
services: { payments: { app: order-processor }, checkout: { app: checkout, sends: { to: payments } } }
timeline: [ wait: { orders: 1 } ]
`), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "resiliency.yaml"), []byte(`apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: r }
spec:
  policies:
    timeouts: { patience: 200ms }
    retries:
      again: { policy: constant, maxInterval: 3s, duration: 100ms, maxRetries: 3 }
      fine: { policy: exponential, maxInterval: 3s }
    circuitBreakers:
      fuse: { timeout: 300ms, interval: 400ms, trip: consecutiveFailures >= 3 }
  targets:
    apps:
      payment: { retry: fine }
      payments: { retry: again, timeout: patience, circuitBreaker: fuse }
`), 0o644))
	s, spec, err := harness.Load(dir)
	require.NoError(t, err)
	text := harness.Warnings(s, spec).Error()
	for _, want := range []string{
		"resiliency.yaml:14: spec.targets.apps.payment: no service of the scenario has this app id\n    hint: did you mean payments? (the services are payments, checkout)",
		"resiliency.yaml:8: spec.policies.retries.again.duration: 100ms drowns",
		"spec.policies.circuitBreakers.fuse.timeout: 300ms drowns",
		"spec.policies.circuitBreakers.fuse.interval: 400ms drowns",
		"spec.policies.timeouts: 200ms drowns",
	} {
		require.Contains(t, text, want)
	}
	require.Len(t, harness.Warnings(s, spec), 5)
	require.Len(t, harness.TooShort(s, spec), 4)
}

func TestTheScenariosOfThisRepositoryHaveNoIntervalThatDrowns(t *testing.T) {
	files, err := filepath.Glob("../scenarios/*/scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		s, spec, err := harness.Load(file)
		require.NoError(t, err)
		require.Empty(t, harness.TooShort(s, spec), file)
		require.Empty(t, harness.Warnings(s, nil))
	}
}
