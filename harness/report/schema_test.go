package report_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

func compile(t testing.TB, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", doc))
	s, err := c.Compile("schema.json")
	require.NoError(t, err)
	return s
}

func validate(t testing.TB, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	return s.Validate(doc)
}

func TestTheSchemasArePublished(t *testing.T) {
	for name, text := range map[string][]byte{"verdict": report.VerdictSchema, "history": report.HistorySchema} {
		published, err := os.ReadFile(filepath.Join("..", "..", "docs", name+".schema.json"))
		require.NoError(t, err)
		require.Equal(t, string(text), string(published), "copy harness/report/assets/%s.schema.json to docs/", name)
	}
}

func TestHistoryAndVerdictAreAsTheSchemasSay(t *testing.T) {
	in := input(t)
	lines := compile(t, report.HistorySchema)
	for line := range bytes.Lines(in.HistoryText) {
		require.NoError(t, validate(t, lines, line), "%s", line)
	}
	verdicts := compile(t, report.VerdictSchema)
	require.NoError(t, validate(t, verdicts, report.JSON(in.Verdict)))
	in.Verdict.Outcome = "passed"
	require.Error(t, validate(t, verdicts, report.JSON(in.Verdict)))
	require.Error(t, validate(t, lines, []byte(`{"seq":0,"at_ns":1,"source":"runner","kind":"tick"}`)))
	require.Error(t, validate(t, verdicts, []byte(`{"format":"halfopen-verdict/1"}`)))
}

// An object is what a schema says of one.
type object struct {
	Properties map[string]any    `json:"properties"`
	Required   []string          `json:"required"`
	Defs       map[string]object `json:"$defs"`
}

// A schema that leaves fields open would pass though it forgets one: so the fields are compared with the types.
func TestTheSchemasKnowEachField(t *testing.T) {
	for _, c := range []struct {
		schema []byte
		def    string
		of     any
	}{
		{report.VerdictSchema, "", oracle.Verdict{}},
		{report.VerdictSchema, "result", oracle.Result{}},
		{report.VerdictSchema, "finding", oracle.Finding{}},
		{report.VerdictSchema, "event", oracle.Event{}},
		{report.VerdictSchema, "slack", oracle.Slack{}},
		{report.VerdictSchema, "figures", oracle.Figures{}},
		{report.VerdictSchema, "moment", oracle.Moment{}},
		{report.VerdictSchema, "spread", oracle.Spread{}},
		{report.VerdictSchema, "difference", oracle.Difference{}},
		{report.VerdictSchema, "range", oracle.Range{}},
		{report.HistorySchema, "header", history.Header{}},
		{report.HistorySchema, "event", history.Event{}},
	} {
		var o object
		require.NoError(t, json.Unmarshal(c.schema, &o))
		if c.def != "" {
			o = o.Defs[c.def]
		}
		var fields, required []string
		for f := range reflect.TypeOf(c.of).Fields() {
			name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields = append(fields, name)
			if !strings.Contains(rest, "omitempty") {
				required = append(required, name)
			}
		}
		slices.Sort(fields)
		slices.Sort(required)
		require.Equal(t, fields, slices.Sorted(maps.Keys(o.Properties)), "%T", c.of)
		require.Equal(t, required, slices.Sorted(slices.Values(o.Required)), "%T", c.of)
	}
}
