package report_test

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// An element of the schema that build servers use: https://github.com/jenkinsci/xunit-plugin junit-10.xsd.
type element struct {
	need, may []string         // attributes
	children  map[string][]int // how many at least and at most; 0 for any number
	order     []string         // where the schema wants a sequence
}

var (
	number = regexp.MustCompile(`^\d+$`)
	moment = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$`)
	amount = regexp.MustCompile(`^\d+(\.\d+)?$`)
)

// forms of attributes that are not free.
var junitForms = map[string]*regexp.Regexp{
	"tests": number, "failures": number, "errors": number, "skipped": number, "disabled": number, "time": amount, "timestamp": moment,
}

var junitSchema = map[string]element{
	"testsuites": {may: []string{"name", "time", "tests", "failures", "errors", "disabled"}, children: map[string][]int{"testsuite": {0, 0}}},
	"testsuite": {
		need: []string{"name"}, may: []string{"tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package", "disabled", "file", "log", "url", "version", "group"},
		children: map[string][]int{"properties": {0, 1}, "testcase": {0, 0}, "system-out": {0, 1}, "system-err": {0, 1}},
		order:    []string{"properties", "testcase", "system-out", "system-err"},
	},
	"properties": {children: map[string][]int{"property": {1, 0}}},
	"property":   {need: []string{"name", "value"}},
	"testcase": {
		need: []string{"name"}, may: []string{"classname", "time", "assertions", "status", "class", "file", "line", "group", "url"},
		children: map[string][]int{"skipped": {0, 1}, "error": {0, 1}, "failure": {0, 1}, "system-out": {0, 1}, "system-err": {0, 1}},
		order:    []string{"skipped", "error", "failure", "system-out", "system-err"},
	},
	"skipped": {may: []string{"message", "type"}}, "error": {may: []string{"message", "type"}}, "failure": {may: []string{"message", "type"}},
	"system-out": {}, "system-err": {},
}

// checkJUnit holds a file against the schema, and its counts against what it holds.
func checkJUnit(t *testing.T, text []byte) {
	t.Helper()
	in := xml.NewDecoder(bytes.NewReader(text))
	var path []string
	seen := map[string]int{}
	children := []map[string]int{{}}
	last := []int{0}
	claimed := map[string]string{}
	for {
		token, err := in.Token()
		if token == nil {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			if len(path) == 0 {
				require.Equal(t, "testsuites", name)
			} else {
				parent := junitSchema[path[len(path)-1]]
				_, allowed := parent.children[name]
				require.True(t, allowed, "%s in %v", name, path)
				if parent.order != nil {
					at := slices.Index(parent.order, name)
					require.GreaterOrEqual(t, at, last[len(last)-1], "%s comes too late in %v", name, path)
					last[len(last)-1] = at
				}
				children[len(children)-1][name]++
			}
			rule, known := junitSchema[name]
			require.True(t, known, name)
			var have []string
			for _, a := range e.Attr {
				require.True(t, slices.Contains(rule.need, a.Name.Local) || slices.Contains(rule.may, a.Name.Local), "%s has %s", name, a.Name.Local)
				if form := junitForms[a.Name.Local]; form != nil {
					require.Regexp(t, form, a.Value, a.Name.Local)
				}
				have = append(have, a.Name.Local)
				if name == "testsuite" {
					claimed[a.Name.Local] = a.Value
				}
			}
			for _, want := range rule.need {
				require.Contains(t, have, want, name)
			}
			path, children, last = append(path, name), append(children, map[string]int{}), append(last, 0)
			seen[name]++
		case xml.EndElement:
			name := path[len(path)-1]
			for child, bounds := range junitSchema[name].children {
				n := children[len(children)-1][child]
				require.GreaterOrEqual(t, n, bounds[0], "%s in %s", child, name)
				require.True(t, bounds[1] == 0 || n <= bounds[1], "%d %s in %s", n, child, name)
			}
			path, children, last = path[:len(path)-1], children[:len(children)-1], last[:len(last)-1]
		}
	}
	require.Empty(t, path)
	for attribute, name := range map[string]string{"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"} {
		require.Equal(t, strconv.Itoa(seen[name]), claimed[attribute], attribute)
	}
}

func TestJUnitKeepsToTheSchema(t *testing.T) {
	in := input(t)
	in.Verdict.Results[1].Outcome, in.Verdict.Results[1].Why = oracle.Unknown, "too busy"
	in.Verdict.Results[2].Outcome = oracle.Fail
	in.Verdict.Results[3].Outcome, in.Verdict.Results[3].Severity = oracle.Fail, oracle.Warn
	in.History.Flaws = []string{"it is cut short"}
	text := report.JUnit(in)
	checkJUnit(t, text)
	require.Contains(t, string(text), `<testcase classname="halfopen.stop-order-processor" name="retry-gap">`+"\n      <system-out>warning: ")
	require.Regexp(t, `<testsuite name="stop-order-processor" .*time="5\d\.\d{3}" timestamp="2026-`, string(text))
}

func TestJUnitOfAScenarioThatExpectsAFailureFailsOnlyWhereItIsWrong(t *testing.T) {
	in := input(t)
	in.Verdict.Expected, in.Plan.Scenario.Expect.Checks = "fail: fault-effective", []string{"fault-effective"}
	in.Verdict.Results[1].Outcome = oracle.Fail
	in.Verdict.Results[2].Outcome, in.Verdict.Results[2].Why = oracle.Unknown, "nothing was loaded"
	text := report.JUnit(in)
	checkJUnit(t, text)
	require.NotContains(t, string(text), "<failure")
	require.NotContains(t, string(text), "<error")
	in.Verdict.Outcome, in.Verdict.Why = oracle.Fail, []string{"expected to fail and did not: fault-effective"}
	text = report.JUnit(in)
	checkJUnit(t, text)
	require.Contains(t, string(text), `<failure message="expected fail: fault-effective">expected to fail and did not`)
}
