package lint

import (
	"fmt"
	"io"
	"strings"
)

// WritePage writes docs/lint.md.
func WritePage(w io.Writer) {
	fmt.Fprint(w, `# What lint knows

`+"`halfopen lint FILE|FOLDER…`"+` reads Resiliency specs with Dapr's real semantics in hand, and runs nothing. This page is made
from the rules themselves; `+"`halfopen lint L11`"+` prints one of them.

An *error* is a policy that will not do what it says. A *warning* is legal, and probably not what was meant. A *note* is
good to know, and is printed with `+"`--notes`"+`. Exit code 1 for an error (with `+"`--strict`"+` for a warning, too), 2 where something
could not be read.

A comment with a reason suppresses a finding on its own line, or on the line after it:

`+"```yaml"+`
      # halfopen:ignore L18 because the app ends by itself what hangs
      order-processor: { retry: again }
`+"```"+`

For code scanning:

`+"```yaml"+`
      - run: halfopen lint --format sarif deploy/ > lint.sarif
      - uses: github/codeql-action/upload-sarif@v3
        if: always()
        with: { sarif_file: lint.sarif }
`+"```"+`

Resources of one folder and namespace are read as the one set that a sidecar makes of them. Files with Kubernetes' own
kinds beside are taken to be for kubectl, and so is everything with `+"`--kubernetes`"+`. A `+"`kind: List`"+`, as `+"`kubectl get -o yaml`"+`
prints it, is unpacked: each of its items is read as a resource of its own.

| rule | | what it finds |
|---|---|---|
`)
	for _, r := range Rules() {
		fmt.Fprintf(w, "| [%s](#%s) | %s | %s |\n", r.ID, strings.ToLower(r.ID), r.Severity, cell(r.Title))
	}
	for _, r := range Rules() {
		bad, good := r.Examples()
		fmt.Fprintf(w, "\n## %s\n\n**%s** (%s). %s\n\n- What happens: %s\n- Mend: %s\n", r.ID, r.Title, r.Severity, r.Reason, r.Effect, r.Mend)
		if r.Shown != "" {
			fmt.Fprintf(w, "- Shown at run time: %s\n", r.Shown)
		}
		fmt.Fprintf(w, "- [Dapr's page](%s)\n\n", r.Link)
		fmt.Fprint(w, "```diff\n"+difference(bad, good)+"```\n")
	}
}

// cell keeps a text within a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// difference shows what is mended: the lines of the failing example that the passing one hasn't, and the other way.
func difference(bad, good string) string {
	a, b := strings.SplitAfter(bad, "\n"), strings.SplitAfter(good, "\n")
	var out strings.Builder
	start := 0
	for start < min(len(a), len(b)) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < min(len(a), len(b))-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	write := func(sign string, lines []string) {
		for _, l := range lines {
			if l != "" {
				out.WriteString(sign + l)
			}
		}
	}
	const context = 2
	write("  ", a[max(0, start-context):start])
	write("- ", a[start:len(a)-end])
	write("+ ", b[start:len(b)-end])
	write("  ", a[len(a)-end:min(len(a), len(a)-end+context)])
	return out.String()
}
