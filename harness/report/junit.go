package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Time     string       `xml:"time,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`                // seconds of the whole run; a check takes none of its own
	Timestamp  string          `xml:"timestamp,attr,omitempty"` // UTC, without a zone, as the schema wants it
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	Failure *junitText `xml:"failure,omitempty"`
	Error   *junitText `xml:"error,omitempty"`
	Skipped *junitText `xml:"skipped,omitempty"`
	Out     string     `xml:"system-out,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit tells a verdict to a build server: a check is a testcase, a broken promise a failure, one that could not
// be judged an error, one that is not in play skipped. A check that only warns passes, and says so in its output.
func JUnit(in Input) []byte {
	v := in.Verdict
	suite := junitSuite{Name: plain(v.Scenario), Properties: []junitProperty{
		{"run", plain(v.Run)}, {"env", plain(v.Env)}, {"sidecar", plain(v.Sidecar)},
		{"outcome", string(v.Outcome)}, {"slack", round(v.Slack.Upper)},
	}}
	suite.Time = seconds(in.took())
	if at := in.History.Header.Started; !at.IsZero() {
		suite.Timestamp = at.UTC().Format("2006-01-02T15:04:05")
	}
	for _, r := range v.Results {
		c := junitCase{Class: "halfopen." + plain(v.Scenario), Name: r.Check}
		switch {
		case in.expected(r) && r.Outcome == oracle.Fail:
			c.Out = "it fails, as the scenario expects\n" + findingsText(r)
		case in.expected(r):
			suite.Skipped++
			c.Skipped = &junitText{Message: plain(r.Why)}
		case !r.Applies:
			suite.Skipped++
			c.Skipped = &junitText{Message: plain(r.Why)}
		case r.Outcome != oracle.Pass && r.Severity == oracle.Warn:
			c.Out = "warning: " + plain(firstWhat(r)) + "\n" + findingsText(r)
		case r.Outcome == oracle.Fail:
			suite.Failures++
			c.Failure = &junitText{Message: plain(firstWhat(r)), Text: findingsText(r)}
		case r.Outcome == oracle.Unknown:
			suite.Errors++
			c.Error = &junitText{Message: plain(r.Why), Text: r.Doc}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if v.Expected != "" {
		suite.add(in.expectation())
	}
	if len(in.History.Flaws) > 0 {
		suite.Errors++
		suite.Cases = append(suite.Cases, junitCase{
			Class: "halfopen." + plain(v.Scenario), Name: "history",
			Error: &junitText{Message: plain(in.History.Flaws[0]), Text: plain(strings.Join(in.History.Flaws, "; "))},
		})
	}
	suite.Tests = len(suite.Cases)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	out := xml.NewEncoder(&b)
	out.Indent("", "  ")
	all := junitSuites{
		Name: "halfopen", Time: suite.Time, Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Suites: []junitSuite{suite},
	}
	if err := out.Encode(all); err != nil {
		panic(err) // all texts were made plain
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// expected tells whether a result that is not a pass is what the scenario is about: it fails as expected, or could not
// be judged because of that.
func (in Input) expected(r oracle.Result) bool {
	if in.Verdict.Expected == "" || !r.Applies || r.Outcome == oracle.Pass {
		return false
	}
	return slices.Contains(in.Plan.Scenario.Expect.Checks, r.Check) || in.Verdict.Outcome == oracle.Pass && r.Outcome == oracle.Unknown
}

// expectation is the testcase of a scenario that is right because something fails.
func (in Input) expectation() junitCase {
	v := in.Verdict
	c := junitCase{Class: "halfopen." + plain(v.Scenario), Name: "expected-verdict"}
	said := &junitText{Message: plain("expected " + v.Expected), Text: plain(strings.Join(v.Why, "; "))}
	switch v.Outcome {
	case oracle.Fail:
		c.Failure = said
	case oracle.Unknown:
		c.Error = said
	}
	return c
}

func (s *junitSuite) add(c junitCase) {
	if c.Failure != nil {
		s.Failures++
	}
	if c.Error != nil {
		s.Errors++
	}
	s.Cases = append(s.Cases, c)
}

// took is how long the run was observed.
func (in Input) took() (last time.Duration) {
	for _, e := range in.History.Events {
		last = max(last, e.At)
	}
	return last
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func firstWhat(r oracle.Result) string {
	switch {
	case len(r.Findings) == 0 && r.Why != "":
		return r.Why
	case len(r.Findings) == 0:
		return r.Doc
	}
	return r.Findings[0].What
}

func findingsText(r oracle.Result) string {
	var b strings.Builder
	b.WriteString(r.Doc + "\n")
	for _, f := range r.Findings {
		b.WriteString(plain(f.What) + "\n")
		for _, e := range f.Events {
			fmt.Fprintf(&b, "  %s %s #%d %s\n", clock(e.At), plain(e.Source), e.Seq, plain(e.What))
		}
	}
	return b.String()
}
