package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite golden files")

// Programs read it, so its names and units are held by a golden file.
func TestThePlanAsJSONKeepsItsNames(t *testing.T) {
	code, out, errs := command(t, "plan", "scenarios/stop-order-processor", "--json")
	require.Equal(t, exitKept, code, errs)
	var plan map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &plan))
	delete(plan, "forecast") // held elsewhere
	text, err := json.MarshalIndent(plan, "", "  ")
	require.NoError(t, err)
	golden := filepath.Join("cmd", "halfopen", "testdata", "plan.json")
	if *update {
		require.NoError(t, os.WriteFile(golden, append(text, '\n'), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text)+"\n")
}

func TestThePlanWarnsOfWhatHasNoEffect(t *testing.T) {
	code, out, errs := command(t, "plan", "stop-order-processor")
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "warnings\n  scenarios/stop-order-processor/resiliency.yaml:13:9: spec.policies.retries.retryForever.maxInterval: L11: maxInterval has no effect in a constant retry")
}
