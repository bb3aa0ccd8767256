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

// Explain says what a rule is about, with an example.
func Explain(w io.Writer, r Rule) {
	bad, _ := r.Examples()
	fmt.Fprintf(w, "%s %s: %s\n\n%s\n\nwhat happens: %s\nmend: %s\nsee: %s\n", r.ID, r.Severity, r.Title, r.Reason, r.Effect, r.Mend, r.Link)
	fmt.Fprintf(w, "\nfor example\n\n  %s\n", strings.ReplaceAll(strings.TrimRight(bad, "\n"), "\n", "\n  "))
}
