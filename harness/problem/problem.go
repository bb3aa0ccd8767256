// Package problem says what is wrong with somebody's input: where it stands, what it is, and how to mend it.
package problem

import (
	"fmt"
	"sort"
	"strings"
)

// A Problem is one thing wrong with a file that somebody wrote.
type Problem struct {
	File   string // as the user named it
	Line   int    // from 1; 0 where the whole file is meant
	Column int    // from 1; 0 where the whole line is meant
	Field  string // the path of the field: timeline[1].fault.for
	What   string // lower case, no full stop
	Hint   string // how to mend it
	Kind   Kind   // what sort of problem it is, for those who sort them; "" for none in particular
	Width  int    // how many characters of the line are meant, from Column on; 0 where that isn't known
}

// A Kind is a sort of problem. The readers that note problems name theirs.
type Kind string

// String gives `file:line: field: what (hint)` on one line.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	b.WriteString(": ")
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.What)
	if p.Hint != "" {
		b.WriteString("\n    hint: " + p.Hint)
	}
	return b.String()
}

// A List is all that is wrong at once. An empty list is no error: give it out through [List.Err].
type List []Problem

// Error prints the problems by file and line, one after the other.
func (l List) Error() string {
	sorted := append(List(nil), l...)
	sort.SliceStable(sorted, func(i, j int) bool {
		if sorted[i].File != sorted[j].File {
			return sorted[i].File < sorted[j].File
		}
		if sorted[i].Line != sorted[j].Line {
			return sorted[i].Line < sorted[j].Line
		}
		return sorted[i].Column < sorted[j].Column
	})
	lines := make([]string, len(sorted))
	for i, p := range sorted {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Err is nil for an empty list, else the list itself.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}
