package report

import (
	"fmt"
	"strings"
)

// Markdown is a summary for a pull request or the page of a CI run.
func Markdown(in Input) []byte {
	var b strings.Builder
	v := in.Verdict
	sign := map[string]string{"pass": "✅", "fail": "❌", "unknown": "❔"}[string(v.Outcome)]
	fmt.Fprintf(&b, "## %s %s: %s\n\n", sign, escape(v.Scenario), headline(v))
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
	for _, why := range v.Why {
		if aside(why) {
			fmt.Fprintf(&b, "- %s\n", escape(why))
		}
	}
	fmt.Fprintf(&b, "\n%d kept, %d broken, %d not judged, %d not in play\n\n| figure | value |\n|---|---|\n",
		len(g.kept), len(g.failed), len(g.unknown), len(g.notHere))
	for _, f := range figures(v) {
		fmt.Fprintf(&b, "| %s | %s |\n", f.Name, escape(f.Value))
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
