package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/halfopen/halfopen/harness/oracle"
)

// verdictSign marks an outcome where colours and fonts are not ours.
func verdictSign(o oracle.Outcome) string {
	return map[oracle.Outcome]string{oracle.Pass: "✅", oracle.Fail: "❌", oracle.Unknown: "❔"}[o]
}

// Markdown is a summary for a pull request or the page of a CI run.
func Markdown(in Input) []byte {
	var b strings.Builder
	v := in.Verdict
	fmt.Fprintf(&b, "## %s %s: %s\n\n", verdictSign(v.Outcome), escape(v.Scenario), headline(v))
	fmt.Fprintf(&b, "environment %s, sidecar %s, run `%s`\n\n", escape(v.Env), escape(v.Sidecar), strings.ReplaceAll(plain(v.Run), "`", "'"))
	g := group(v)
	for _, r := range g.failed {
		fmt.Fprintf(&b, "- **%s**: %s\n", r.Check, r.Doc)
		for i, f := range r.Findings {
			if i == 3 {
				fmt.Fprintf(&b, "  - … and %d more\n", len(r.Findings)-i)
				break
			}
			fmt.Fprintf(&b, "  - %s\n", escape(f.What))
		}
	}
	for _, r := range g.unknown {
		fmt.Fprintf(&b, "- **%s** could not be judged: %s\n", r.Check, escape(r.Why))
	}
	for _, why := range asides(v) {
		fmt.Fprintf(&b, "- %s\n", escape(why))
	}
	fmt.Fprintf(&b, "\n%d kept, %d broken, %d not judged, %d not in play\n\n", len(g.kept), len(g.failed), len(g.unknown), len(g.notHere))
	if len(v.Differences) > 0 {
		b.WriteString("| figure | now | accepted | change | |\n|---|---|---|---|---|\n")
		for _, d := range v.Differences {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", d.Figure, d.Now.In(d.Unit), d.Accepted.In(d.Unit), change(d), verdictSign(d.Outcome))
		}
		b.WriteByte('\n')
	}
	b.WriteString("| figure | value |\n|---|---|\n")
	for _, f := range figures(v) {
		fmt.Fprintf(&b, "| %s | %s |\n", f.Name, escape(f.Value))
	}
	return []byte(b.String())
}

// change is a difference in per cent.
func change(d oracle.Difference) string {
	if c := 100 * d.Change(); c <= -1 || c >= 1 {
		return fmt.Sprintf("%+.0f %%", c)
	}
	return ""
}

// Summary tells many runs on one page of at most so many bytes: a table of all, what is not a pass first, then each as
// [Markdown] tells it, for as many as there is room.
func Summary(ins []Input, mostBytes int) []byte {
	ins = slices.Clone(ins)
	rank := map[oracle.Outcome]int{oracle.Fail: 0, oracle.Unknown: 1, oracle.Pass: 2}
	slices.SortStableFunc(ins, func(a, b Input) int { return rank[a.Verdict.Outcome] - rank[b.Verdict.Outcome] })
	if len(ins) == 1 {
		if text := Markdown(ins[0]); len(text) <= mostBytes {
			return text
		}
	}
	var b strings.Builder
	b.WriteString("| | scenario | environment | verdict |\n|---|---|---|---|\n")
	const spare = 100 // for the line that says how many are left out
	for i, in := range ins {
		v := in.Verdict
		why := headline(v)
		if len(v.Why) > 0 && (v.Outcome != oracle.Pass || v.Warned()) {
			why = v.Why[0]
		}
		row := fmt.Sprintf("| %s | %s | %s | %s |\n", verdictSign(v.Outcome), escape(v.Scenario), escape(v.Env), escape(why))
		if b.Len()+len(row)+spare > mostBytes {
			left := fmt.Sprintf("\n… and %d more\n", len(ins)-i)
			if b.Len()+len(left) <= mostBytes {
				b.WriteString(left)
				return []byte(b.String())
			}
			return nil
		}
		b.WriteString(row)
	}
	for i, in := range ins {
		text := Markdown(in)
		if b.Len()+len(text)+1+spare > mostBytes {
			fmt.Fprintf(&b, "\n%d runs more, for which there is no room here\n", len(ins)-i)
			break
		}
		b.WriteByte('\n')
		b.Write(text)
	}
	return []byte(b.String())
}

// escape makes a text stand in Markdown as it is.
func escape(text string) string {
	var b strings.Builder
	for _, r := range plain(text) {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|~&@", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
