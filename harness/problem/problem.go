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
	b.WriteString(clip(p.What))
	if p.Hint != "" {
		b.WriteString("\n    hint: " + clip(p.Hint))
	}
	return b.String()
}

// clip cuts what is too long to be read: somebody's whole file, say, in quotes.
func clip(text string) string {
	const longest = 600
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}

// Names writes a list of names, as far as it can be read.
func Names(names []string) string {
	const most, longest = 20, 60
	out := make([]string, 0, most)
	for i, name := range names {
		if i == most {
			return fmt.Sprintf("%s, and %d more", strings.Join(out, ", "), len(names)-most)
		}
		if len(name) > longest {
			name = strings.ToValidUTF8(name[:longest], "") + "…"
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// Most is how many problems of one document are noted: who has so many has enough to begin with.
const Most = 1000

// A List is all that is wrong at once. An empty list is no error: give it out through [List.Err].
type List []Problem

// mostTold is how many problems are printed at once.
const mostTold = 100

// Error prints the problems by file and line, one after the other; of very many, the first of each file.
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
	files := map[string]int{}
	for _, p := range sorted {
		files[p.File]++
	}
	share := max(1, mostTold/max(1, len(files)))
	var lines []string
	told, untold, atLeast := map[string]int{}, 0, ""
	for _, p := range sorted {
		if len(sorted) > mostTold && (told[p.File] == share || len(lines) == mostTold) {
			untold++
			continue
		}
		told[p.File]++
		lines = append(lines, p.String())
	}
	if untold == 0 {
		return strings.Join(lines, "\n")
	}
	for _, n := range files {
		if n >= Most {
			atLeast = " at least"
		}
	}
	return fmt.Sprintf("%s\nand %d more%s: mend these first", strings.Join(lines, "\n"), untold, atLeast)
}

// Err is nil for an empty list, else the list itself.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}
