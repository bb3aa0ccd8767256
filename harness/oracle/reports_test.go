package oracle_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// eachTale calls do with each file of testdata, read anew at each call of its case.
func eachTale(t *testing.T, do func(t *testing.T, name string, again func() oracle.Case)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		do(t, filepath.Base(file), func() oracle.Case { return tale(t, string(text)) })
	}
	do(t, "stop-order-processor", func() oracle.Case { return recorded(t) })
}

// reported tells a case in all forms.
func reported(c oracle.Case) map[string]string {
	in := report.Input{
		Verdict: oracle.Judge(c), Plan: c.Plan, History: c.History, Forecast: oracle.Foresee(c.Plan, c.Spec), Observed: oracle.Observe(c),
		Chart: oracle.Draw(c), Causes: oracle.Causes(c),
	}
	if c.Spec != nil {
		in.Spec = string(c.Spec.Raw)
	}
	var terminal bytes.Buffer
	report.Terminal(&terminal, in, report.TerminalOptions{Width: 100})
	return map[string]string{
		"terminal": terminal.String(), "junit": string(report.JUnit(in)), "json": string(report.JSON(in.Verdict)),
		"markdown": string(report.Markdown(in)), "html": string(report.HTML(in)),
	}
}

// Maps are walked in another order each time, and goroutines run on other cores.
func TestTheSameHistoryGivesTheSameBytesOfEachReport(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	eachTale(t, func(t *testing.T, name string, again func() oracle.Case) {
		runtime.GOMAXPROCS(1)
		first := reported(again())
		runtime.GOMAXPROCS(4)
		for form, text := range reported(again()) {
			require.True(t, first[form] == text, "%s of %s differs from one time to the other", form, name)
		}
	})
}

func TestEachVerdictIsAsItsSchemaSays(t *testing.T) {
	text, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.VerdictSchema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("verdict.schema.json", text))
	schema, err := compiler.Compile("verdict.schema.json")
	require.NoError(t, err)
	eachTale(t, func(t *testing.T, name string, again func() oracle.Case) {
		verdict, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.JSON(oracle.Judge(again()))))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(verdict), name)
	})
}
