package report_test

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/report"
)

var sampleLine = regexp.MustCompile(`^([a-z_]+)\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\} \S+( \S+)?$`)

var timestamp = regexp.MustCompile(` \d\.\d+e\+09\n`)

// checkOpenMetrics holds a text against the rules that the plain Prometheus form does not have, and reads it back.
func checkOpenMetrics(t *testing.T, text []byte) map[string][]map[string]string {
	t.Helper()
	require.True(t, bytes.HasSuffix(text, []byte("\n# EOF\n")))
	family := ""
	series := map[string]bool{}
	for line := range strings.Lines(strings.TrimSuffix(string(text), "# EOF\n")) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, _, _ = strings.Cut(name, " ")
			require.False(t, series[name], "%s stands here twice", name)
			family, series[name] = name, true
			continue
		}
		if unit, ok := strings.CutPrefix(line, "# UNIT "); ok {
			require.True(t, strings.HasSuffix(family, "_"+strings.Fields(unit)[1]), "a unit is its name's end: %s", line)
			continue
		}
		if strings.HasPrefix(line, "# TYPE ") {
			require.Equal(t, "# TYPE "+family+" gauge", line)
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		require.NotNil(t, m, "%q", line)
		require.Equal(t, family, m[1])
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	plain := timestamp.ReplaceAllFunc(text, func(at []byte) []byte { // seconds here, milliseconds there
		seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(at)), 64)
		require.NoError(t, err)
		return fmt.Appendf(nil, " %.0f\n", seconds*1000)
	})
	families, err := parser.TextToMetricFamilies(bytes.NewReader(plain))
	require.NoError(t, err)
	out := map[string][]map[string]string{}
	for name, f := range families {
		require.Equal(t, "GAUGE", f.GetType().String())
		for _, sample := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range sample.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			require.False(t, math.IsNaN(sample.GetGauge().GetValue()))
			out[name] = append(out[name], labels)
		}
	}
	return out
}

func TestFiguresAreOpenMetrics(t *testing.T) {
	a, b := input(t), input(t)
	b.Verdict.Run, b.Verdict.Figures.TimeToTrip = "another", nil
	text := report.OpenMetrics([]report.Input{a, b})
	series := checkOpenMetrics(t, text)
	require.Len(t, series["halfopen_recovery_seconds"], 2)
	require.Len(t, series["halfopen_time_to_trip_seconds"], 1, "what a run has no figure for has no sample")
	require.Len(t, series["halfopen_orders"], 6)
	require.Equal(t, map[string]string{"scenario": "stop-order-processor", "env": "process", "sidecar": "builtin", "run": "another", "outcome": "pass"}, series["halfopen_verdict"][3])
	require.Regexp(t, `(?m)^halfopen_recovery_seconds\{scenario="stop-order-processor",env="process",.*\} 0\.99\d+ 1\.79\d+e\+09$`, string(text))
	require.Equal(t, text, report.OpenMetrics([]report.Input{a, b}), "the same bytes")
}

func TestHostileStringsAreLabels(t *testing.T) {
	for _, bad := range append(hostile, `"} 1`+"\nhalfopen_x 1", `\`, "\n# EOF\n") {
		in := input(t)
		in.Verdict.Scenario, in.Verdict.Run, in.Verdict.Env = bad, bad, bad
		series := checkOpenMetrics(t, report.OpenMetrics([]report.Input{in}))
		require.Len(t, series["halfopen_recovery_seconds"], 1, "%q", bad)
	}
}
