package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/halfopen/halfopen/harness/oracle"
)

// Heard tells a verdict that rests on what logs tell: what is broken, what was kept as far as they can tell, and
// which promises nobody can judge by them.
func Heard(w io.Writer, v oracle.Verdict, opt TerminalOptions) {
	if opt.Width <= 0 {
		opt.Width = 100
	}
	s := screen{w, opt}
	headline, colour := HeardOutcome(v), map[oracle.Outcome]string{oracle.Pass: "1;32", oracle.Fail: "1;31", oracle.Unknown: "1;33"}[v.Outcome]
	s.line(s.paint(colour, strings.ToUpper(string(v.Outcome))+"  "+headline) + "  (" + plain(v.Scenario) + ")")
	var kept, notHere []string
	var open []oracle.Result
	for _, r := range v.Results {
		switch {
		case !r.Applies:
			notHere = append(notHere, r.Check)
		case r.Outcome == oracle.Fail:
			s.told(r)
		case r.Outcome == oracle.Unknown:
			open = append(open, r)
		default:
			kept = append(kept, fmt.Sprintf("%s (%d)", r.Check, r.Examined))
		}
	}
	for _, r := range open {
		s.line(s.paint("33", "? "+r.Check) + ": " + r.Doc)
		s.wrap("    not judged: ", plain(r.Why))
	}
	s.names("kept: ", kept)
	s.names("not in play: ", notHere)
}

// HeardOutcome says a verdict by logs in a few words.
func HeardOutcome(v oracle.Verdict) string {
	switch v.Outcome {
	case oracle.Pass:
		return "kept as far as logs can tell"
	case oracle.Fail:
		return "a promise is broken"
	}
	return "nothing could be judged"
}

func (s screen) names(prefix string, names []string) {
	if len(names) > 0 {
		s.wrap(prefix, strings.Join(names, ", "))
	}
}

// told is a broken promise, with the lines that show it.
func (s screen) told(r oracle.Result) {
	s.line(s.paint("31", "✗ "+r.Check) + ": " + r.Doc)
	const most = 10
	for i, f := range r.Findings {
		if i == most {
			s.line(fmt.Sprintf("    … and %d more", len(r.Findings)-most))
			return
		}
		s.wrap("    ", plain(f.What))
		for _, e := range f.Events {
			s.line(s.cut(fmt.Sprintf("      %s:%d  %s", plain(e.Source), e.Seq, plain(e.What))))
		}
	}
}
