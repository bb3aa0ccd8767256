package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLintExitsByWhatItFinds(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	rules := "harness/lint/testdata/rules/"
	huge := write("huge/x.yaml", strings.Repeat("x", 3<<20))
	nonsense := write("nonsense/x.yaml", strings.Repeat("\x00\xff [{\n", 2<<20/7))
	template := write("chart/x.yaml", "kind: Resiliency\nspec: {{ .Values.spec }}: [\n")
	other := write("other/deployment.yaml", "kind: Deployment\n")
	for name, c := range map[string]struct {
		args      []string
		code      int
		out, errs string
	}{
		"the_quickstart_has_warnings":      {[]string{"scenarios/stop-order-processor/resiliency.yaml"}, 0, "1 resource in 1 file: 0 errors, 3 warnings, 3 notes with --notes", ""},
		"strict_takes_warnings_for_errors": {[]string{"--strict", "scenarios/stop-order-processor/resiliency.yaml"}, 1, "3 warnings", ""},
		"notes_on_demand":                  {[]string{"--notes", "scenarios/stop-order-processor/resiliency.yaml"}, 0, "note L24", ""},
		"a_spec_that_is_right":             {[]string{"--strict", rules + "L11/good.yaml"}, 0, "0 errors, 0 warnings", ""},
		"an_error":                         {[]string{rules + "L02/bad.yaml"}, 1, "bad.yaml:14:52: error L02: no policy \"agian\"", ""}, //nolint:misspell // as the spec has it
		"a_whole_folder":                   {[]string{rules + "L02", rules + "L02/bad.yaml"}, 1, "2 resources in 2 files: 1 error", ""},
		"a_client_that_waits_too_short":    {[]string{"--client-timeout", "5s", rules + "L26/bad.yaml"}, 0, "warning L26", ""},
		"a_client_known_by_its_scenario":   {[]string{"--scenario", "only-the-scoped-app", "scenarios/only-the-scoped-app/resiliency.yaml"}, 0, "warning L27", ""},
		"an_old_daprd":                     {[]string{"--notes", "--dapr-version", "1.14", rules + "L35/bad.yaml"}, 0, "note L35", ""},
		"a_version_that_is_none":           {[]string{"--dapr-version", "new", rules + "L35/bad.yaml"}, 2, "", "--dapr-version: \"new\" is no version"},
		"a_scenario_that_is_none":          {[]string{"--scenario", "nowhere", rules + "L35/bad.yaml"}, 2, "", "nowhere: can't be read"},
		"a_missing_file":                   {[]string{"nowhere.yaml", rules + "L11/good.yaml"}, 2, "1 resource in 2 files", "nowhere.yaml: can't be read: no such file"},
		"a_huge_file":                      {[]string{huge}, 2, "", "bytes are too many"},
		"two_mebibytes_of_nonsense":        {[]string{nonsense}, 2, "", "bytes are too many"},
		"a_template":                       {[]string{template}, 2, "", "a template is rendered first"},
		"a_folder_without_any":             {[]string{filepath.Dir(other)}, 2, "", "no Resiliency resource in 1 YAML file\n    hint: is this the folder you mean?"},
		"a_file_without_any":               {[]string{other}, 2, "", "no Resiliency resource in it\n    hint: is this the file you mean?"},
		"a_rule_and_a_file":                {[]string{"L11", rules + "L11/good.yaml"}, 2, "", "good.yaml is no rule: lint explains rules or reads files, not both at once"},
		"nothing":                          {nil, 2, "", "lint what? name a spec or a folder"},
		"a_format_that_is_none":            {[]string{"--format", "xml", rules + "L11/good.yaml"}, 2, "", "want text, json or sarif"},
		"a_rule_is_explained":              {[]string{"l11"}, 0, "L11 warning: maxInterval with constant", ""},
		"a_rule_that_is_none":              {[]string{"L99"}, 2, "", "no rule L99"},
		"all_rules":                        {[]string{"--rules"}, 0, "L37  note     a timeout and a retry", ""},
		"a_folder_of_a_scenario":           {[]string{"--strict", "scenarios/spec-that-does-not-load"}, 1, "error L01", ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := command(t, append([]string{"lint"}, c.args...)...)
			require.Equal(t, c.code, code, "%s%s", out, errs)
			require.Contains(t, out, c.out)
			require.Contains(t, errs, c.errs)
			require.Equal(t, c.errs == "", errs == "", errs)
		})
	}
}

func TestLintTellsProgramsTheSame(t *testing.T) {
	spec := "scenarios/stop-order-processor/resiliency.yaml"
	code, out, _ := command(t, "lint", "--format", "json", spec)
	require.Zero(t, code)
	var asJSON struct {
		Warnings int
		Findings []struct{ Rule string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &asJSON))
	require.Equal(t, 3, asJSON.Warnings)
	require.Len(t, asJSON.Findings, 3, "no notes")
	var rules []string
	for _, f := range asJSON.Findings {
		rules = append(rules, f.Rule)
	}
	require.Equal(t, []string{"L11", "L16", "L18"}, rules)
}

func TestARunTellsLintsWarningsFirst(t *testing.T) {
	code, _, errs := command(t, "run", "--env", "moon", "stop-order-processor") // nothing is started
	require.Equal(t, 2, code)
	require.Contains(t, errs, "lint: scenarios/stop-order-processor/resiliency.yaml:13:9: L11 maxInterval has no effect in a constant retry\n")
	require.Equal(t, 3, strings.Count(errs, "lint: "))
	_, _, errs = command(t, "run", "--quiet", "--env", "moon", "stop-order-processor")
	require.NotContains(t, errs, "lint: ")
}

func TestManyRunsTellALineForEachSpec(t *testing.T) {
	code, _, errs := command(t, "run", "--env", "moon", "stop-order-processor", "only-the-scoped-app", "no-spec-at-all")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "lint: scenarios/stop-order-processor/resiliency.yaml: L11, L16, L18\n")
	require.Contains(t, errs, "lint: scenarios/only-the-scoped-app/resiliency.yaml: L16, L18, L27\n")
	require.Equal(t, 2, strings.Count(errs, "lint: "))
}

// A file that its user names must be one that can be read; what lies beside a spec in a folder may be anything. What is
// found in others is told all the same.
func TestANamedFileThatIsNoYAMLIsTold(t *testing.T) {
	t.Chdir(root(t))
	dir := t.TempDir()
	broken, spec := filepath.Join(dir, "values.yaml"), filepath.Join(dir, "resiliency.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("replicas: [1, 2\nname: x\n"), 0o644))
	text, err := os.ReadFile("scenarios/stop-order-processor/resiliency.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(spec, text, 0o644))
	code, out, errs := again(t, "lint", broken, spec)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, broken+":")
	require.Contains(t, errs, "not YAML")
	require.Contains(t, out, "L18")
	code, out, errs = again(t, "lint", dir)
	require.Equal(t, exitKept, code, errs)
	require.Empty(t, errs)
	require.Contains(t, out, "L18")
}

// Whatever a program reads of lint is whole where there was nothing to lint, too: it still exits with 2.
func TestLintOfNothingIsWholeInEachFormat(t *testing.T) {
	dir := t.TempDir()
	for _, format := range []string{"json", "sarif"} {
		code, out, errs := command(t, "lint", "--format", format, dir)
		require.Equal(t, exitUsage, code)
		require.Contains(t, errs, "no Resiliency resource in 0 YAML files")
		require.True(t, json.Valid([]byte(out)), out)
	}
}
