package lint

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A TextOptions says how text looks.
type TextOptions struct {
	Color bool
	Notes int // how many notes there are that are not shown
	Width int // of a line, in characters; 0 for as long as it gets
}

// WriteText tells a report to people: each finding with the line of YAML that it is about, what happens, and how to
// mend it.
func WriteText(w io.Writer, r Report, o TextOptions) {
	p := palette(o.Color)
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s%s:%d:%d%s: %s%s %s%s: %s\n", p.bold, f.File, f.Line, f.Column, p.plain, p.of(f.Severity), f.Severity, f.Rule, p.plain, f.What)
		excerpt(w, f, p)
		fmt.Fprintf(w, "%s\n%s\n\n", wrap("  what happens: "+f.Effect, o.Width), wrap("  mend: "+f.Mend, o.Width))
	}
	fmt.Fprintln(w, Summary(r, o.Notes))
}

// Summary counts a report on one line.
func Summary(r Report, hiddenNotes int) string {
	said := []string{times(r.Count(Error), "error", "errors"), times(r.Count(Warning), "warning", "warnings")}
	if n := r.Count(Note); n > 0 {
		said = append(said, times(n, "note", "notes"))
	}
	if hiddenNotes > 0 {
		said = append(said, times(hiddenNotes, "note", "notes")+" with --notes")
	}
	if n := len(r.Suppressed); n > 0 {
		said = append(said, fmt.Sprintf("%d suppressed", n))
	}
	return fmt.Sprintf("%s in %s: %s", times(r.Resources, "resource", "resources"), times(r.Files, "file", "files"), strings.Join(said, ", "))
}

// maxExcerpt is how much of a line is shown, in characters.
const maxExcerpt = 160

// excerpt shows the line and, below it, what of it is meant.
func excerpt(w io.Writer, f Finding, p colors) {
	line := []rune(strings.ToValidUTF8(strings.TrimRight(f.Source, "\r"), "�"))
	if len(line) == 0 || f.Column > maxExcerpt {
		return
	}
	line = line[:min(len(line), maxExcerpt)]
	pad := make([]rune, 0, f.Column)
	for i, c := range line {
		switch {
		case c == '\t':
		case c < ' ' || c == 0x7f:
			line[i] = '�'
		}
		if i < f.Column-1 {
			if c != '\t' {
				c = ' '
			}
			pad = append(pad, c)
		}
	}
	mark := strings.Repeat("^", max(1, min(f.EndColumn, len(line)+1)-f.Column))
	number := fmt.Sprintf("%4d", f.Line)
	fmt.Fprintf(w, "%s | %s\n%s | %s%s%s%s\n", number, string(line), strings.Repeat(" ", utf8.RuneCountInString(number)), string(pad), p.of(f.Severity), mark, p.plain)
}

// wrap breaks a text between words, and indents what comes after its first line.
func wrap(text string, width int) string {
	const indent = "    "
	if width < 2*len(indent) {
		return text
	}
	var out strings.Builder
	room := width
	for i, word := range strings.Split(text, " ") {
		need := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case need+1 > room && need > 0:
			out.WriteString("\n" + indent)
			room = width - len(indent)
		default:
			out.WriteByte(' ')
			room--
		}
		out.WriteString(word)
		room -= need
	}
	return out.String()
}

// colors are escape sequences; empty where there are none.
type colors struct{ bold, red, yellow, blue, plain string }

func palette(on bool) colors {
	if !on {
		return colors{}
	}
	return colors{bold: "\x1b[1m", red: "\x1b[31m", yellow: "\x1b[33m", blue: "\x1b[34m", plain: "\x1b[0m"}
}

func (c colors) of(s Severity) string {
	switch s {
	case Error:
		return c.red
	case Warning:
		return c.yellow
	}
	return c.blue
}
