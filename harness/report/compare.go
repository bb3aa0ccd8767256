package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/halfopen/halfopen/harness/oracle"
)

// A Comparison is the same scenarios with one sidecar and with another.
type Comparison struct {
	Sidecars  []string // builtin, daprd 1.18.3
	Env       string
	Scenarios []Compared
}

// A Compared is one scenario: a verdict a sidecar, in the order of the comparison, and what differs.
type Compared struct {
	Scenario    string
	Verdicts    []oracle.Verdict
	Skipped     string // why it was not run; "" where it was
	Differences []Difference
}

// A Difference is one thing that sidecars did not do alike.
type Difference struct {
	What   string   // a check, or a figure
	Values []string // a sidecar each
	Why    string   // why that was to be expected; "" where it was not
	Blind  bool     // at least one side could not be judged: it may be none
}

// Flagged counts the differences that nothing explains, and those that could not be judged.
func (c Comparison) Flagged() (unexplained, blind int) {
	for _, s := range c.Scenarios {
		if s.unjudged() {
			blind++
		}
		for _, d := range s.Differences {
			switch {
			case d.Why != "":
			case d.Blind:
				blind++
			default:
				unexplained++
			}
		}
	}
	return unexplained, blind
}

// CompareTerminal tells a comparison side by side.
func CompareTerminal(w io.Writer, c Comparison) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\t%s\t\n", strings.Join(c.Sidecars, "\t"))
	for _, s := range c.Scenarios {
		fmt.Fprintf(t, "%s\t%s\t%s\n", plain(s.Scenario), strings.Join(s.outcomes(), "\t"), s.note())
		for _, d := range s.Differences {
			fmt.Fprintf(t, "  %s\t%s\t%s\n", d.What, strings.Join(d.Values, "\t"), d.sign())
		}
	}
	t.Flush()
	for i, why := range c.reasons() {
		fmt.Fprintf(w, "\n(%d) %s\n", i+1, why)
	}
	unexplained, blind := c.Flagged()
	fmt.Fprintf(w, "\n%d scenarios in %s: %d differences unexplained, %d where one side could not be judged\n", len(c.Scenarios), c.Env, unexplained, blind)
}

func (s Compared) outcomes() []string {
	var out []string
	for _, v := range s.Verdicts {
		out = append(out, string(v.Outcome))
	}
	return out
}

func (s Compared) note() string {
	if s.Skipped != "" {
		return "skipped: " + plain(s.Skipped)
	}
	switch {
	case s.unjudged():
		return "nothing differs that could be judged"
	case len(s.Differences) == 0:
		return "alike"
	}
	return ""
}

// unjudged tells whether nothing differs, perhaps because something could not be judged.
func (s Compared) unjudged() bool {
	unknown := func(v oracle.Verdict) bool { return v.Outcome == oracle.Unknown }
	return len(s.Differences) == 0 && slices.ContainsFunc(s.Verdicts, unknown)
}

func (d Difference) sign() string {
	switch {
	case d.Why != "":
		return "known"
	case d.Blind:
		return "not judged"
	}
	return "UNEXPLAINED"
}

// reasons are those of the known differences, each once.
func (c Comparison) reasons() []string {
	var out []string
	for _, s := range c.Scenarios {
		for _, d := range s.Differences {
			if d.Why != "" && !slices.Contains(out, d.Why) {
				out = append(out, d.Why)
			}
		}
	}
	return out
}

// CompareMarkdown writes a comparison as a page that says how it was made.
func CompareMarkdown(w io.Writer, c Comparison, how string) {
	fmt.Fprintf(w, "# Compatibility with daprd\n\nMade by `%s`. Don't edit it: make it again.\n\n", how)
	for _, s := range c.Sidecars {
		if strings.HasSuffix(s, "-standin") {
			fmt.Fprintf(w, "**No daprd was run for this page.** `%s` is `scenarios/standin`, a program that speaks daprd's flags, log lines,\nmetrics and gRPC as they were recorded of daprd 1.18.3. Its policies are the built-in sidecar's own engine, so what this\npage compares is the way to daprd (links, evidence, gRPC and its dialling), not daprd's policies. Make the page again\nwith a real one: `HALFOPEN_DAPRD=/path/to/daprd`.\n\n", s)
		}
	}
	unexplained, blind := c.Flagged()
	fmt.Fprintf(w, "%d scenarios, environment %s. Differences that nothing explains: %d; where one side could not be judged: %d.\n\n", len(c.Scenarios), c.Env, unexplained, blind)
	fmt.Fprintf(w, "| scenario | %s | differences |\n|---|%s---|\n", strings.Join(c.Sidecars, " | "), strings.Repeat("---|", len(c.Sidecars)))
	reasons := c.reasons()
	for _, s := range c.Scenarios {
		var notes []string
		for _, d := range s.Differences {
			note := fmt.Sprintf("%s: %s", d.What, strings.Join(d.Values, " / "))
			if d.Why != "" {
				note += fmt.Sprintf(" (%d)", slices.Index(reasons, d.Why)+1)
			} else {
				note += " **" + d.sign() + "**"
			}
			notes = append(notes, note)
		}
		if len(notes) == 0 {
			notes = []string{s.note()}
		}
		outcomes := s.outcomes()
		for len(outcomes) < len(c.Sidecars) {
			outcomes = append(outcomes, "–")
		}
		fmt.Fprintf(w, "| [%[1]s](../scenarios/%[1]s/scenario.yaml) | %[2]s | %[3]s |\n", s.Scenario, strings.Join(outcomes, " | "), strings.Join(notes, "; "))
	}
	if len(reasons) > 0 {
		fmt.Fprint(w, "\n## Known differences\n\n")
	}
	for i, why := range reasons {
		fmt.Fprintf(w, "%d. %s.\n", i+1, why)
	}
}
