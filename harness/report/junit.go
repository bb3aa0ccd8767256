package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`                // how long the run took, in seconds
	Timestamp  string          `xml:"timestamp,attr,omitempty"` // when it began
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
	Time    string     `xml:"time,attr"`
	Failure *junitText `xml:"failure,omitempty"`
	Error   *junitText `xml:"error,omitempty"`
	Skipped *junitText `xml:"skipped,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit tells a verdict to a build server: a check is a testcase, a broken promise a failure, one that could not
// be judged an error, one that is not in play skipped.
func JUnit(in Input) []byte {
	v := in.Verdict
	suite := junitSuite{Name: plain(v.Scenario), Time: took(in), Timestamp: began(in), Properties: []junitProperty{
		{"run", plain(v.Run)}, {"env", plain(v.Env)}, {"sidecar", plain(v.Sidecar)},
		{"outcome", string(v.Outcome)}, {"slack", round(v.Slack.Upper)},
	}}
	for _, r := range v.Results {
		c := junitCase{Class: "halfopen." + plain(v.Scenario), Name: r.Check, Time: "0.000"}
		switch {
		case !r.Applies:
			suite.Skipped++
			c.Skipped = &junitText{Message: plain(r.Why)}
		case r.Outcome == oracle.Fail:
			suite.Failures++
			c.Failure = &junitText{Message: plain(firstWhat(r)), Text: findingsText(r)}
		case r.Outcome == oracle.Unknown:
			suite.Errors++
			c.Error = &junitText{Message: plain(r.Why), Text: r.Doc}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if len(in.History.Flaws) > 0 {
		suite.Errors++
		suite.Cases = append(suite.Cases, junitCase{
			Class: "halfopen." + plain(v.Scenario), Name: "history", Time: "0.000",
			Error: &junitText{Message: plain(in.History.Flaws[0]), Text: plain(strings.Join(in.History.Flaws, "; "))},
		})
	}
	suite.Tests = len(suite.Cases)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	out := xml.NewEncoder(&b)
	out.Indent("", "  ")
	if err := out.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		panic(err) // all texts were made plain
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// took is how long a run went on, by its history. The run as a whole takes time; the checks are made afterwards, from
// the record, and take none of it.
func took(in Input) string {
	var last time.Duration
	for _, e := range in.History.Events {
		last = max(last, e.At)
	}
	return fmt.Sprintf("%.3f", last.Seconds())
}

// began is when a run began, as JUnit writes it; "" where the history does not say.
func began(in Input) string {
	if in.History.Header.Started.IsZero() {
		return ""
	}
	return in.History.Header.Started.UTC().Format("2006-01-02T15:04:05")
}

func firstWhat(r oracle.Result) string {
	if len(r.Findings) == 0 {
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
