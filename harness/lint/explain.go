package lint

import (
	"embed"
	"fmt"
	"io"
	"strings"
)

//go:embed testdata/rules
var examples embed.FS

// Examples of a rule: a spec in which it has something to say, and the same one mended.
func (r Rule) Examples() (bad, good string) {
	read := func(name string) string {
		text, err := examples.ReadFile("testdata/rules/" + r.ID + "/" + name)
		if err != nil {
			panic(fmt.Sprintf("rule %s has no example: %v", r.ID, err)) // a test reads them all
		}
		return string(text)
	}
	return read("bad.yaml"), read("good.yaml")
}

// Explain says what a rule is about, with an example. Lines have so many characters, or as many as they need for 0.
func Explain(w io.Writer, r Rule, width int) {
	bad, _ := r.Examples()
	fmt.Fprintf(w, "%s %s: %s\n\n", r.ID, r.Severity, r.Title)
	for _, text := range []string{r.Reason, "what happens: " + r.Effect, "mend: " + r.Mend, "see: " + r.Link} {
		fmt.Fprintln(w, wrap(text, width))
	}
	fmt.Fprintf(w, "\nfor example\n\n  %s\n", strings.ReplaceAll(strings.TrimRight(bad, "\n"), "\n", "\n  "))
}
