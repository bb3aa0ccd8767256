package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
	"github.com/halfopen/halfopen/harness/resiliency"
)

var update = flag.Bool("update", false, "rewrite golden files")

// input judges the recorded home story; against another spec where one is given.
func input(t testing.TB, replace ...string) report.Input {
	t.Helper()
	dir := filepath.Join("..", "oracle", "testdata", "stop-order-processor")
	var c oracle.Case
	plan, err := os.ReadFile(filepath.Join(dir, "plan.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(plan, &c.Plan))
	spec, err := os.ReadFile(filepath.Join(dir, "resiliency.yaml"))
	require.NoError(t, err)
	text := strings.NewReplacer(replace...).Replace(string(spec))
	c.Spec, _ = resiliency.Parse("resiliency.yaml", []byte(text))
	lines, err := os.ReadFile(filepath.Join(dir, "history.jsonl"))
	require.NoError(t, err)
	c.History, err = history.Read(bytes.NewReader(lines))
	require.NoError(t, err)
	return report.Input{
		Verdict: oracle.Judge(c), Plan: c.Plan, History: c.History, Forecast: oracle.Foresee(c.Plan, c.Spec), Observed: oracle.Observe(c),
		Scenario: "name: stop-order-processor\n", Spec: text,
	}
}

// forms are all ways to tell a run.
func forms(in report.Input) map[string][]byte {
	var terminal bytes.Buffer
	report.Terminal(&terminal, in, report.TerminalOptions{Width: 100})
	return map[string][]byte{
		"terminal.txt": terminal.Bytes(), "junit.xml": report.JUnit(in), "verdict.json": report.JSON(in.Verdict),
		"summary.md": report.Markdown(in), "report.html": report.HTML(in),
		"figures.txt": report.OpenMetrics([]report.Input{in}), "annotations.txt": report.Annotations(in, filepath.Base),
	}
}

func TestEachFormIsTheSameBytesForTheSameRun(t *testing.T) {
	for name, in := range map[string]report.Input{
		"pass": input(t),
		"fail": input(t, "policy: constant", "policy: constant\n        duration: 4s"),
	} {
		require.Equal(t, name, string(in.Verdict.Outcome))
		for form, got := range forms(in) {
			path := filepath.Join("testdata", name, form)
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, got, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got), path)
		}
	}
}

func TestWhatIsBrokenComesFirst(t *testing.T) {
	in := input(t, "policy: constant", "policy: constant\n        duration: 4s")
	for form, got := range forms(in) {
		if form == "verdict.json" || form == "junit.xml" || form == "figures.txt" || form == "annotations.txt" {
			continue
		}
		text := string(got)
		if form == "report.html" {
			text = text[strings.Index(text, "<body>"):]
		}
		broken, story := strings.Index(text, "retry-gap"), strings.Index(text, "orders 1 to 4")
		require.Positive(t, broken, form)
		require.True(t, story < 0 || broken < story, form)
		require.Contains(t, text, "the policy says", form)
	}
}

// hostile strings stand everywhere where a service, a log or a body can put them.
var hostile = []string{
	"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "\x1b[31mred\x1b[0m\x1b]0;title\x07", "\x00\x01\x7f",
	"\xff\xfe broken", "]]> <!-- -->", "`code` | [link](http://x) @all", strings.Repeat("long ", 250_000), "a\r\nb\u2028c\u202ed",
}

func TestHostileStringsNeitherRunNorBreakAnyForm(t *testing.T) {
	for _, bad := range hostile {
		in := input(t)
		in.Verdict.Scenario, in.Verdict.Env, in.Scenario, in.Spec = bad, bad, bad, bad
		in.History.Header.EnvWhy = bad
		in.History.Flaws = []string{bad}
		in.Verdict.Why = []string{"history: " + bad}
		in.Verdict.Results[0].Outcome, in.Verdict.Results[0].Why = oracle.Fail, bad
		in.Verdict.Results[0].Findings = []oracle.Finding{{What: bad, Events: []oracle.Event{{Source: bad, What: bad}}}}
		for i := range in.Forecast.Rows {
			in.Forecast.Rows[i].ID, in.Forecast.Rows[i].Caller = bad, bad
		}
		for i := range in.Verdict.Story {
			in.Verdict.Story[i].What, in.Verdict.Story[i].Lane = bad, bad
		}
		for form, got := range forms(in) {
			text := string(got)
			if form == "verdict.json" { // the only one that keeps texts as they are
				require.True(t, json.Valid(got))
				continue
			}
			require.Less(t, len(text), 6_000_000, form)
			switch form {
			case "junit.xml":
				parseXML(t, got)
				checkJUnit(t, got)
			case "report.html":
				checkHTML(t, got)
			}
			require.True(t, utf8.ValidString(text), form)
			for _, r := range text {
				require.False(t, unicode.IsControl(r) && r != '\n' && r != '\t', "%s holds %q", form, r)
			}
		}
	}
}

func parseXML(t *testing.T, text []byte) {
	t.Helper()
	in := xml.NewDecoder(bytes.NewReader(text))
	for {
		_, err := in.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

// checkHTML finds anything that runs or asks for something from elsewhere.
func checkHTML(t *testing.T, text []byte) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(text))
	require.NoError(t, err)
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		require.NotContains(t, []string{"script", "img", "iframe", "object", "embed"}, n.Data)
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on"), "%s=%q", a.Key, a.Val)
			if a.Key == "src" || a.Key == "href" {
				require.Contains(t, []string{"history.jsonl", "data:,"}, a.Val)
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
}

func TestJUnitCountsWhatABuildServerCounts(t *testing.T) {
	in := input(t)
	in.Verdict.Results[1].Outcome = oracle.Unknown
	in.Verdict.Results[2].Outcome = oracle.Fail
	text := string(report.JUnit(in))
	require.Contains(t, text, `tests="25" failures="1" errors="1" skipped="4"`)
}

func FuzzForms(f *testing.F) {
	for _, bad := range hostile[:7] {
		f.Add(bad)
	}
	in := input(f)
	f.Fuzz(func(t *testing.T, bad string) {
		in.Verdict.Scenario, in.Verdict.Story[0].What = bad, bad
		for form, got := range forms(in) {
			if form == "junit.xml" {
				parseXML(t, got)
				checkJUnit(t, got)
			}
		}
	})
}
