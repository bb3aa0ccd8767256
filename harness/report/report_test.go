package report_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
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
		Chart: oracle.Draw(c), Causes: oracle.Causes(c), HistoryText: lines, Scenario: scenarioText(t), Spec: text,
	}
}

// scenarioText is the home story's file.
func scenarioText(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "scenarios", "stop-order-processor", "scenario.yaml"))
	require.NoError(t, err)
	return string(text)
}

// forms are all ways to tell a run.
func forms(in report.Input) map[string][]byte {
	var terminal bytes.Buffer
	report.Terminal(&terminal, in, report.TerminalOptions{Width: 100})
	return map[string][]byte{
		"terminal.txt": terminal.Bytes(), "junit.xml": report.JUnit(in), "verdict.json": report.JSON(in.Verdict),
		"summary.md": report.Markdown(in), "report.html": report.HTML(in),
		"index.html":  report.Index([]report.Entry{{Dir: in.Verdict.Run, Verdict: in.Verdict}}),
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
			if strings.HasSuffix(form, ".html") {
				got = lean(t, in, got)
			}
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

// lean leaves out of a page what stands in files of its own, and opens what is packed: the history must be there
// whole, the picture's data is looked at.
func lean(t *testing.T, in report.Input, page []byte) []byte {
	t.Helper()
	text := string(page)
	inside := func(from, to string, do func(string) string) {
		before, rest, found := strings.Cut(text, from)
		require.True(t, found, from)
		middle, after, found := strings.Cut(rest, to)
		require.True(t, found, to)
		text = before + from + do(middle) + to + after
	}
	unpacked := func(letters string) string {
		small, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(letters)))
		require.NoError(t, err)
		whole, err := io.ReadAll(small)
		require.NoError(t, err)
		return string(whole)
	}
	inside("<style>", "</style>", func(string) string { return "page.css" })
	inside("style-src 'sha256-", "'", func(string) string { return "…" })
	if !strings.Contains(text, "<script") {
		return []byte(text)
	}
	inside("\n<script>", "</script>", func(string) string { return "the script" })
	inside("script-src 'sha256-", "'", func(string) string { return "…" })
	inside(`id="history">`, "</script>", func(letters string) string {
		require.Equal(t, string(in.HistoryText), unpacked(letters))
		return "the history"
	})
	inside(`id="chart">`, "</script>", func(letters string) string {
		var b bytes.Buffer
		require.NoError(t, json.Indent(&b, []byte(unpacked(letters)), "", " "))
		return "\n" + regexp.MustCompile(`\[\s+([-"\w.,:/>\s]*?)\s+\]`).ReplaceAllStringFunc(b.String(), func(list string) string {
			return strings.Join(strings.Fields(list), " ")
		}) + "\n"
	})
	return []byte(text)
}

func TestWhatIsBrokenComesFirst(t *testing.T) {
	in := input(t, "policy: constant", "policy: constant\n        duration: 4s")
	for form, got := range forms(in) {
		if form == "verdict.json" || form == "junit.xml" || form == "index.html" || form == "figures.txt" || form == "annotations.txt" {
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

// poisoned is the home story with a bad text wherever a service, a log or a body can put one.
func poisoned(t testing.TB, bad string) report.Input {
	t.Helper()
	in := input(t)
	in.Verdict.Scenario, in.Verdict.Env, in.Verdict.Sidecar, in.Verdict.Run, in.Scenario, in.Spec, in.SidecarSpec = bad, bad, bad, bad, bad, "a: "+bad, bad
	in.Plan.Scenario.Why = bad
	in.History.Header.EnvWhy, in.History.Header.Versions = bad, map[string]string{bad: bad}
	in.History.Flaws = []string{bad}
	in.Verdict.Why = []string{"history: " + bad}
	in.Verdict.Results[0].Outcome, in.Verdict.Results[0].Why = oracle.Fail, bad
	in.Verdict.Results[0].Findings = []oracle.Finding{{What: bad, Want: bad, Got: bad, Events: []oracle.Event{{Source: bad, What: bad}}}}
	for i := range in.Forecast.Rows {
		in.Forecast.Rows[i].ID, in.Forecast.Rows[i].Caller = bad, bad
	}
	for i := range in.Verdict.Story {
		in.Verdict.Story[i].What, in.Verdict.Story[i].Lane = bad, bad
	}
	for i := range in.Chart.Lanes {
		l := &in.Chart.Lanes[i]
		l.Name = bad
		for k := range min(3, len(l.Marks)) {
			l.Marks[k].ID, l.Marks[k].How, l.Marks[k].Event.Source = bad, bad, bad
		}
	}
	in.Chart.Faults[0].What, in.Chart.Breakers[0].Lane, in.Chart.Away[0].Lane = bad, bad, bad
	for i := range in.Causes {
		in.Causes[i].What, in.Causes[i].Default = bad, bad
	}
	for i := range 3 {
		e := &in.History.Events[40+i]
		e.Source, e.Service, e.Part, e.Link, e.Op, e.ID, e.Path, e.Text, e.Error = bad, bad, bad, bad, bad, bad, bad, bad, bad
		e.Kind = []history.Kind{history.KindLine, history.Kind(bad), history.KindRequest}[i]
		e.Attrs = map[string]string{bad: bad, "method": bad}
	}
	in.HistoryText = nil
	return in
}

func TestHostileStringsNeitherRunNorBreakAnyForm(t *testing.T) {
	for _, bad := range hostile {
		in := poisoned(t, bad)
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
			case "report.html", "index.html":
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

// checkHTML finds anything that runs but the page's own script, or asks for something from elsewhere.
func checkHTML(t *testing.T, text []byte) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(text))
	require.NoError(t, err)
	policy, ran := "", 0
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		require.NotContains(t, []string{"img", "iframe", "object", "embed", "base", "form"}, n.Data)
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on"), "%s=%q", a.Key, a.Val)
			require.NotEqual(t, "style", a.Key)
			if a.Key == "src" || a.Key == "href" {
				own := a.Val == "history.jsonl" || a.Val == "data:," || strings.HasPrefix(a.Val, "#") || strings.HasPrefix(a.Val, "./") && strings.HasSuffix(a.Val, "/report.html")
				require.True(t, own, "leads to %q", a.Val)
			}
			if a.Key == "http-equiv" {
				policy = attribute(n, "content")
			}
		}
		if n.Data == "script" && attribute(n, "type") != "text/plain" {
			sum := sha256.Sum256([]byte(n.FirstChild.Data))
			require.Contains(t, policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", "a script that the page's policy does not name")
			ran++
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	require.Contains(t, policy, "default-src 'none'")
	require.LessOrEqual(t, ran, 1)
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func TestAnIndexHasTheWorstFirstInWhateverOrderItIsGiven(t *testing.T) {
	fail, pass := input(t, "policy: constant", "policy: constant\n        duration: 4s").Verdict, input(t).Verdict
	unknown := pass
	unknown.Outcome, unknown.Scenario = oracle.Unknown, "pause"
	entries := []report.Entry{{"b", pass}, {"c", unknown}, {"a", pass}, {"d", fail}}
	page := report.Index(entries)
	text := string(page)
	last := 0
	for _, dir := range []string{"d", "c", "a", "b"} {
		at := strings.Index(text, `href="./`+dir+`/report.html"`)
		require.Greater(t, at, last, dir)
		last = at
	}
	require.Contains(t, text, "2 kept all promises, 1 broke one, 1 could not be judged")
	require.Contains(t, text, "the policy says exactly 4s")
	slices.Reverse(entries)
	require.Equal(t, text, string(report.Index(entries)))
	checkHTML(t, page)
	require.Contains(t, string(report.Index(nil)), "No run lies here")
}

// An order that is sent again begins anew with its first attempt, and no run of attempts goes across that.
func TestAttemptsAreFoldedWithinOneSendingOfAnOrder(t *testing.T) {
	in := input(t)
	in.Verdict.Story = nil
	for i, n := range slices.Concat([]int{1, 2, 3, 4}, slices.Repeat([]int{1, 2, 3}, 8)) { // too long to be told one by one
		in.Verdict.Story = append(in.Verdict.Story, oracle.Moment{
			At: time.Duration(i+1) * time.Second, Kind: "attempt", Lane: "checkout->order-processor", ID: "5", N: n, Outcome: "failed", What: "attempt: refused",
		})
	}
	var b strings.Builder
	report.Terminal(&b, in, report.TerminalOptions{Width: 120})
	require.Contains(t, b.String(), "attempts 1 to 4 of order 5: refused (to 4.000)")
	require.Contains(t, b.String(), "attempts 1 to 3 of order 5: refused (to 28.000)")
}

func TestJUnitCountsWhatABuildServerCounts(t *testing.T) {
	in := input(t)
	in.Verdict.Results[1].Outcome = oracle.Unknown
	in.Verdict.Results[2].Outcome = oracle.Fail
	text := string(report.JUnit(in))
	require.Contains(t, text, `tests="27" failures="1" errors="1" skipped="6"`)
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

func TestAWarningAndABaselineAreToldOnThePage(t *testing.T) {
	in := input(t, "policy: constant", "policy: constant\n        duration: 4s")
	in.Verdict.Outcome = oracle.Pass
	for i := range in.Verdict.Results {
		if in.Verdict.Results[i].Check == "retry-gap" {
			in.Verdict.Results[i].Severity = oracle.Warn
		}
	}
	in.Verdict.Differences = []oracle.Difference{{Figure: "recovery", Unit: "s", Outcome: oracle.Fail, Accepted: oracle.Range{Runs: 5, Of: 5, Least: 1, Median: 1, Most: 1}, Now: oracle.Range{Runs: 1, Of: 1, Least: 1.5, Median: 1.5, Most: 1.5}}}
	page := string(report.HTML(in))
	require.Contains(t, page, `<section class="finding unknown" aria-label="retry-gap">`)
	require.Contains(t, page, `Against the baseline`)
	require.Contains(t, page, "&#43;50 %")
	var b bytes.Buffer
	report.Terminal(&b, in, report.TerminalOptions{Width: 100})
	require.Contains(t, b.String(), "! retry-gap")
	require.Contains(t, b.String(), "against the baseline: ✗ recovery 1.5s +50 %")
}

// On a terminal a run is told in forty lines, with the two that say where its report lies, and in its width.
func TestATerminalIsToldInFortyLines(t *testing.T) {
	for name, in := range map[string]report.Input{
		"pass": input(t), "fail": input(t, "policy: constant", "policy: constant\n        duration: 4s"), "crowd": crowd(t, 2000),
	} {
		for _, width := range []int{60, 80, 120} {
			for _, colour := range []bool{false, true} {
				var b bytes.Buffer
				report.Terminal(&b, in, report.TerminalOptions{Width: width, Color: colour})
				text := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(b.String(), "")
				require.Equal(t, colour, text != b.String())
				if width >= 80 {
					require.LessOrEqual(t, strings.Count(text, "\n"), 38, "%s at %d\n%s", name, width, text)
					require.True(t, name == "crowd" || strings.Contains(text, "from closed to open on the 5th failure"), text)
				}
				for line := range strings.Lines(text) {
					require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), max(width, 80), line)
				}
				require.True(t, name == "crowd" || strings.Contains(text, "●●●"), text)
			}
		}
	}
}
