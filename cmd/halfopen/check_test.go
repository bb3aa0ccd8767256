package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogsFromElsewhereAreJudgedAndTheUnjudgedNamed(t *testing.T) {
	recording := func(name, file string) string { return "sidecar/testdata/recordings/" + name + "/" + file }
	log := filepath.Join(t.TempDir(), "daprd.log")
	text, err := os.ReadFile(filepath.Join("..", "..", recording("c01", "timeline.log")))
	require.NoError(t, err)
	var daprd strings.Builder
	for line := range strings.Lines(string(text)) {
		if _, said, ok := strings.Cut(line, " daprd-checkout "); ok {
			daprd.WriteString("[pod/checkout-0/daprd] " + strings.TrimLeft(said, " "))
		}
	}
	require.NoError(t, os.WriteFile(log, []byte(daprd.String()), 0o600))
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"kept":            {[]string{"--timeline", recording("c02", "timeline.log"), "--resiliency", recording("c02", "resiliency.yaml")}, exitKept, []string{"kept as far as logs can tell", "recovery (1)"}},
		"broken":          {[]string{"--timeline", recording("c01", "timeline.log"), "--resiliency", recording("c01", "resiliency.yaml")}, exitBroken, []string{"✗ recovery", "the first order passed 25.721s after order-processor was ready again", "c01/timeline.log:49"}},
		"not_loaded":      {[]string{"--timeline", recording("c12_badspec", "timeline.log"), "--resiliency", recording("c12_badspec", "resiliency.yaml")}, exitBroken, []string{"✗ policy-loaded"}},
		"a_log_alone":     {[]string{"--logs", log, "--resiliency", recording("c01", "resiliency.yaml")}, exitKept, []string{"open-time (10)", "? recovery", "not judged: a sidecar's log does not tell when the target was ready again"}},
		"two_logs":        {[]string{"--logs", log, "--resiliency", recording("c01", "resiliency.yaml"), "go.mod"}, exitKept, []string{"open-time (10)"}},
		"no_spec":         {[]string{"--logs", log}, exitBroken, []string{"✗ breaker-log", "✗ retry-log"}},
		"nothing_is_told": {[]string{"--logs", "go.mod", "--resiliency", recording("c01", "resiliency.yaml")}, exitUnknown, []string{"nothing could be judged"}},
		"quiet":           {[]string{"-q", "--logs", "go.mod"}, exitUnknown, []string{"unknown told by checkout: nothing could be judged"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := command(t, append([]string{"check"}, c.args...)...)
			require.Equal(t, c.code, code, "%s%s", out, errs)
			flat := strings.Join(strings.Fields(out), " ") // however it is wrapped
			for _, want := range c.says {
				require.Contains(t, flat, want)
			}
		})
	}
}

func TestARunIsExplained(t *testing.T) {
	code, out, errs := command(t, "explain", "harness/oracle/testdata/stop-order-processor")
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "consecutiveFailures >= 5 is true: it opens")
}
