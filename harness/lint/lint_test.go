package lint_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/lint"
	"github.com/halfopen/halfopen/harness/scenario"
)

var update = flag.Bool("update", false, "rewrite golden files")

// A corpusCase is one file of the corpus: flags, files, and what is found in them.
type corpusCase struct {
	options lint.Options
	notes   bool
	sources []lint.Source
	want    string
}

// readCase cuts a file of the corpus at its lines `-- name --`.
func readCase(t testing.TB, text string) (c corpusCase) {
	t.Helper()
	var flags []string
	useScenario := false
	for section := range strings.SplitSeq("\n"+text, "\n-- ") {
		name, body, ok := strings.Cut(section, " --\n")
		if !ok {
			require.Empty(t, strings.TrimSpace(section))
			continue
		}
		switch name {
		case "flags":
			flags = strings.Fields(body)
		case "want":
			c.want = body
		default:
			c.sources = append(c.sources, lint.Source{Name: name, Data: []byte(body + "\n")})
		}
	}
	for _, f := range flags {
		name, value, _ := strings.Cut(f, "=")
		var err error
		switch name {
		case "notes":
			c.notes = true
		case "kubernetes":
			c.options.Kubernetes = true
		case "scenario":
			useScenario = true
		case "client-timeout":
			c.options.ClientTimeout, err = time.ParseDuration(value)
		case "paths":
			_, err = fmt.Sscan(value, &c.options.Paths)
		case "dapr-version":
			c.options.Dapr, err = lint.ParseVersion(value)
		default:
			require.Fail(t, "unknown flag "+name)
		}
		require.NoError(t, err)
	}
	for _, s := range c.sources {
		if useScenario && s.Name == "scenario.yaml" {
			parsed, problems := scenario.Parse("/a/scenario.yaml", s.Data)
			require.Empty(t, problems)
			c.options.Scenario = &parsed
		}
	}
	return c
}

// found writes a report as the corpus wants it: place, severity and rule, and what lies at that place.
func found(r lint.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		at := string([]rune(f.Source)[f.Column-1 : f.EndColumn-1])
		fmt.Fprintf(&b, "%s:%d:%d: %s %s at %s\n", f.File, f.Line, f.Column, f.Severity, f.Rule, strings.TrimSpace(at))
	}
	for _, p := range r.Unread {
		fmt.Fprintf(&b, "unread: %s\n", p)
	}
	return b.String()
}

func TestTheCorpusHasExactlyTheseFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/*.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 100)
	right := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			c := readCase(t, string(text))
			report := lint.Check(c.sources, c.options)
			require.Positive(t, report.Resources, "there is nothing to find anything in")
			if !c.notes {
				report = report.WithoutNotes()
			}
			got := found(report)
			if *update {
				head := string(text[:bytes.LastIndex(text, []byte("-- want --\n"))+len("-- want --\n")])
				require.NoError(t, os.WriteFile(file, []byte(head+got), 0o644))
				c.want = got
			}
			require.Equal(t, c.want, got)
			if strings.HasPrefix(filepath.Base(file), "right_") {
				right++
				require.Empty(t, got, "a spec that is right has no finding")
			} else {
				require.NotEmpty(t, got+strings.Repeat("x", len(report.Suppressed)), "a bad habit is found")
			}
		})
	}
	require.GreaterOrEqual(t, right, 10)
}

// examplesKnow is what must be known beyond the spec for a rule to say something.
var examplesKnow = map[string]lint.Options{
	"L26": {ClientTimeout: 5 * time.Second}, "L34": {Paths: 120}, "L35": {Dapr: lint.Version{Major: 1, Minor: 14}},
}

func TestEachRuleHasAFailingAndAPassingExample(t *testing.T) {
	ids := map[string]bool{}
	for i, r := range lint.Rules() {
		t.Run(r.ID, func(t *testing.T) {
			require.Equal(t, fmt.Sprintf("L%02d", i), r.ID)
			require.False(t, ids[r.ID])
			ids[r.ID] = true
			for _, text := range []string{r.Title, r.Reason, r.Effect, r.Mend} {
				require.NotEmpty(t, text)
			}
			require.True(t, strings.HasPrefix(r.Link, "https://docs.dapr.io/"))
			require.Equal(t, r.Severity == lint.Error, r.Shown != "", "errors, and only they, are shown at run time")
			bad, good := r.Examples()
			require.NotEqual(t, bad, good)
			o := examplesKnow[r.ID]
			severities := map[lint.Severity]bool{}
			for _, f := range lint.Check([]lint.Source{{Name: "bad.yaml", Data: []byte(bad)}}, o).Findings {
				if f.Rule == r.ID {
					severities[f.Severity] = true
					require.NotEmpty(t, f.What)
					require.NotEmpty(t, f.Effect)
					require.NotEmpty(t, f.Mend)
				} else if r.ID != "L00" {
					require.Equal(t, lint.Note, f.Severity, "an example of one habit shows another: %s", f.Rule)
				}
			}
			require.True(t, severities[r.Severity], "the failing example fails")
			for _, f := range lint.Check([]lint.Source{{Name: "good.yaml", Data: []byte(good)}}, o).Findings {
				require.NotEqual(t, r.ID, f.Rule, "%s:%d: %s", f.File, f.Line, f.What)
				require.Equal(t, lint.Note, f.Severity, "%s: %s", f.Rule, f.What)
			}
		})
	}
}

func TestTheQuickstartsOwnSpec(t *testing.T) {
	text, err := os.ReadFile("../../scenarios/stop-order-processor/resiliency.yaml")
	require.NoError(t, err)
	report := lint.Check([]lint.Source{{Name: "resiliency.yaml", Data: text}}, lint.Options{}).WithoutNotes()
	var b bytes.Buffer
	lint.WriteText(&b, report, lint.TextOptions{Width: 100})
	golden(t, "testdata/quickstart.txt", b.String())
	require.Zero(t, report.Exit(false))
	require.Equal(t, 1, report.Exit(true))
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// everything is the whole corpus as one report, each file under a name of its own.
func everything(t testing.TB, v lint.Version) lint.Report {
	files, err := filepath.Glob("testdata/corpus/*.txt")
	require.NoError(t, err)
	var sources []lint.Source
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, s := range readCase(t, string(text)).sources {
			s.Name = strings.TrimSuffix(filepath.Base(file), ".txt") + "/" + s.Name
			sources = append(sources, s)
		}
	}
	return lint.Check(sources, lint.Options{ClientTimeout: time.Second, Paths: 1000, Dapr: v})
}

func TestSARIFIsValid(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	require.NoError(t, err)
	broken := lint.Check([]lint.Source{{Name: "x.yaml", Data: bytes.Repeat([]byte("x"), 3<<20)}}, lint.Options{})
	strange := lint.Check([]lint.Source{{Name: "/a b/\xff%ü.yaml", Data: []byte("kind: Resiliency\nspecs: \"\x01\"\n")}}, lint.Options{})
	for name, r := range map[string]lint.Report{"of_the_whole_corpus": everything(t, lint.Version{Major: 1, Minor: 7}), "of_nothing": {}, "of_what_can_not_be_read": broken, "of_strange_names": strange} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, lint.WriteSARIF(&b, r, "1.0.0"))
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
			require.NoError(t, err)
			require.NoError(t, schema.Validate(doc))
			var log struct {
				Runs []struct {
					Tool struct {
						Driver struct{ Rules []struct{ ID string } }
					}
					Results []struct {
						RuleID              string
						RuleIndex           int
						PartialFingerprints map[string]string
					}
				}
			}
			require.NoError(t, json.Unmarshal(b.Bytes(), &log))
			require.Len(t, log.Runs[0].Results, len(r.Findings))
			prints := map[string]bool{}
			for _, x := range log.Runs[0].Results {
				require.Equal(t, x.RuleID, log.Runs[0].Tool.Driver.Rules[x.RuleIndex].ID)
				require.False(t, prints[x.PartialFingerprints["halfopen/v1"]], "code scanning would take two findings for one")
				prints[x.PartialFingerprints["halfopen/v1"]] = true
			}
		})
	}
}

func TestAFindingIsKnownAgainWhenLinesComeBeforeIt(t *testing.T) {
	text, err := os.ReadFile("testdata/rules/L11/bad.yaml")
	require.NoError(t, err)
	fingerprint := func(before string) string {
		var b bytes.Buffer
		r := lint.Check([]lint.Source{{Name: "x.yaml", Data: []byte(before + string(text))}}, lint.Options{}).WithoutNotes()
		require.NoError(t, lint.WriteSARIF(&b, r, ""))
		_, after, ok := strings.Cut(b.String(), `"halfopen/v1": "`)
		require.True(t, ok)
		return after[:32]
	}
	require.Equal(t, fingerprint(""), fingerprint("# a comment\n\n"))
}

func TestJSONHoldsEverything(t *testing.T) {
	r := everything(t, lint.Version{})
	var b bytes.Buffer
	require.NoError(t, lint.WriteJSON(&b, r))
	var out struct {
		Errors, Warnings, Notes int
		Findings                []lint.Finding
		Suppressed              []lint.Suppressed
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &out))
	require.Len(t, out.Findings, len(r.Findings))
	require.Equal(t, len(r.Findings), out.Errors+out.Warnings+out.Notes)
	require.NotEmpty(t, out.Suppressed)
	require.NotEmpty(t, out.Suppressed[0].Because)
	rules := map[string]bool{}
	for _, f := range append(out.Findings, everything(t, lint.Version{Major: 1, Minor: 7}).Findings...) {
		rules[f.Rule] = true
	}
	require.Len(t, rules, len(lint.Rules()), "the corpus has something for each rule")
}

func TestTheRulesPageIsUpToDate(t *testing.T) {
	var b bytes.Buffer
	lint.WritePage(&b)
	golden(t, "../../docs/lint.md", b.String())
}

func TestOtherKindsAreNotTakenForResiliency(t *testing.T) {
	for _, kind := range []string{
		"Component", "Configuration", "Subscription", "HTTPEndpoint", "Deployment", "Service", "Secret", "Job", "Role", "Lease", "List", "Ingress", "Certificate", "ServiceEntry",
	} {
		for _, version := range []string{"dapr.io/v1alpha1", "v1", "apps/v1"} {
			text := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: { name: x }\nspec: { type: y, policies: {}, targets: [] }\n", version, kind)
			require.Zero(t, lint.Check([]lint.Source{{Name: "x.yaml", Data: []byte(text)}}, lint.Options{}).Resources, kind)
		}
	}
	require.Zero(t, lint.Check([]lint.Source{{Name: "x.yaml", Data: []byte("apiVersion: example.io/v1\nkind: Resilience\n")}}, lint.Options{}).Resources)
}

// What a rule says of a file does not depend on what else is read, nor on the order of maps.
func TestTheSameFilesGiveTheSameBytes(t *testing.T) {
	var first string
	for range 5 {
		var b bytes.Buffer
		require.NoError(t, lint.WriteSARIF(&b, everything(t, lint.Version{}), ""))
		if first == "" {
			first = b.String()
		}
		require.Equal(t, first, b.String())
	}
}
