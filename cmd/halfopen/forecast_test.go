package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/explore"
	"github.com/halfopen/halfopen/harness/oracle"
)

func TestThePlanOfTheHomeStory(t *testing.T) {
	code, out, _ := command(t, "plan", "stop-order-processor")
	require.Equal(t, exitKept, code)
	for _, want := range []string{"stop order-processor for 45s", "every 5s, for ever", "trips at consecutiveFailures >= 5", "checkout->order-processor", "+21.000  checkout: breaker order-processor:orders from closed to open"} {
		require.Contains(t, out, want)
	}
}

func TestTheForecastOfASpec(t *testing.T) {
	code, out, errs := command(t, "forecast", "scenarios/stop-order-processor/resiliency.yaml", "--target", "order-processor")
	require.Equal(t, exitKept, code, errs)
	for _, want := range []string{"+20.000 to 21.000  checkout: breaker", "open on its 5th failure, 20s after the first one", "accepted 5s later at worst"} {
		require.Contains(t, out, want)
	}
	code, out, errs = again(t, "forecast", "scenarios/stop-order-processor/resiliency.yaml", "--target", "order-processor", "--format", "json")
	require.Equal(t, exitKept, code, errs)
	var f oracle.Forecast
	require.NoError(t, json.Unmarshal([]byte(out), &f))
	require.Equal(t, 5, f.Outlooks[0].Trips.Failure)
}

func TestASpecIsExplored(t *testing.T) {
	dir := t.TempDir()
	spec := "scenarios/stop-order-processor/resiliency.yaml"
	args := []string{"explore", spec, "--target", "order-processor", "--cases", "500", "--callers", "1..2", "--fault", "stop"}
	code, out, errs := command(t, append(args, "--out", dir)...)
	require.Equal(t, exitKept, code, errs)
	for _, want := range []string{"from 2 callers on (stop): maxRetries −1 gives up", "from an outage of 20.001s on (stop, one caller): the breaker opens", "500 cases in ", "halfopen run " + dir} {
		require.Contains(t, out, want)
	}
	for _, file := range []string{"cases.csv", "explore.html"} {
		require.FileExists(t, filepath.Join(dir, file))
	}
	for _, worst := range []string{"recovery", "hang", "amplification"} { // what is written is what `run` reads
		code, out, errs = again(t, "plan", filepath.Join(dir, "worst-"+worst))
		require.Equal(t, exitKept, code, errs)
		require.Contains(t, out, "stop order-processor for")
	}
	code, out, _ = again(t, append(args, "--format", "json")...)
	require.Equal(t, exitKept, code)
	var r explore.Result
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 500, r.Told)
	code, out, errs = again(t, "explore", "--compare", spec, "scenarios/testdata/specs/open-for-2s.yaml", "--target", "order-processor", "--cases", "500", "--callers", "1..2", "--fault", "stop")
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "of 500 cases differ")
}

// A target that is written almost as one of the spec's is refused before anything is done, where nothing of the spec
// applies to it. Another one that the spec does not name gets a warning, since only defaults are told of it.
func TestAMistypedTargetIsRefused(t *testing.T) {
	t.Chdir(root(t))
	const spec = "scenarios/stop-order-processor/resiliency.yaml"
	for _, args := range [][]string{
		{"forecast", spec, "--target", "order-procesor"},
		{"explore", spec, "--target", "order-procesor"},
		{"explore", "--compare", spec, spec, "--target", "order-procesor"},
		{"try", spec, "--target", "order-procesor"},
		{"init", "--resiliency", spec, "--app-id", "order-procesor", filepath.Join(t.TempDir(), "away")},
	} {
		t.Run(args[0], func(t *testing.T) {
			code, out, errs := again(t, args...)
			require.Equal(t, exitUsage, code, out)
			require.Contains(t, errs, "nothing of the spec applies to order-procesor\n    hint: did you mean order-processor?")
			require.Equal(t, args[0] == "init", strings.Contains(errs, "--app-id"), errs)
			require.NotContains(t, errs, "warning")
		})
	}
	for _, args := range [][]string{{"forecast", spec}, {"explore", spec}} {
		code, _, errs := again(t, args...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, errs, "--target: is missing")
		require.NotContains(t, errs, "warning")
	}
	for _, args := range [][]string{
		{"forecast", spec, "--target", "payments"}, {"explore", spec, "--target", "payments", "--cases", "50"},
	} {
		code, _, errs := again(t, args...)
		require.Equal(t, exitKept, code)
		require.Contains(t, errs, "warning: "+spec)
		require.Contains(t, errs, "the spec's targets do not name payments (they name order-processor)")
	}
}

func TestTheForecastOfASlowerLink(t *testing.T) {
	const spec = "scenarios/latency-under-and-over-the-timeout/resiliency.yaml"
	_, out, _ := command(t, "forecast", spec, "--target", "order-processor", "--latency", "100ms")
	require.Contains(t, out, "An order takes 200ms longer, and no policy acts.")
	require.NotContains(t, out, "the target is")
	_, out, _ = again(t, "forecast", spec, "--target", "order-processor", "--latency", "20s")
	require.Contains(t, out, "ends it before: each attempt fails")
	require.Contains(t, out, "Once the link is as fast as before")
	require.NotContains(t, out, "the target is")
}
