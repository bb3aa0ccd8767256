package document

import (
	"bytes"
	"fmt"

	"gopkg.in/yaml.v3"
)

// A Document is one of those in a file.
type Document struct {
	*Reader
	Root  Value
	Index int  // from 0
	OK    bool // it could be read: Root is set
}

// MaxDocumentBytes is the largest document that All reads: a megabyte of brackets would take a hundred in memory.
const MaxDocumentBytes = 256 << 10

// maxDocuments is how many of a file are read.
const maxDocuments = 500

// All reads those documents of a file whose text is wanted (all of them where wanted is nil), each for itself: what
// is no YAML in one does not hide the next. Aliases are written out. Documents without any value don't count.
func All(file string, data []byte, wanted func(text []byte) bool) []Document {
	var out []Document
	index, end := 0, lines(data)
	for _, part := range split(data) {
		if part.empty() {
			continue
		}
		d := Document{Reader: &Reader{File: file, before: part.line, lines: end - part.line}, Index: index}
		index++
		if wanted != nil && !wanted(part.text) {
			continue
		}
		if len(out) == maxDocuments {
			d.add(&yaml.Node{Line: part.line + 1, Column: 1}, "", Limit, fmt.Sprintf("more than %d documents in one file", maxDocuments), "")
			return append(out, d)
		}
		if len(part.text) > MaxDocumentBytes {
			d.tooLarge(part)
		} else {
			d.Root, d.OK = d.next(yaml.NewDecoder(bytes.NewReader(part.text)), true)
			d.Root.moveDown(part.line)
			for i := range d.Problems {
				if p := &d.Problems[i]; p.Kind != Syntax && p.Line > 0 {
					p.Line += part.line
				}
			}
		}
		out = append(out, d)
	}
	return out
}

// Apart takes an entry of a document's list as a document of its own: with problems and paths of its own, in its place
// in the file.
func (d Document) Apart(entry Value) Document {
	own := &Reader{File: d.File, before: d.before, lines: d.lines}
	return Document{Reader: own, Root: Value{r: own, node: entry.node}, Index: d.Index, OK: true}
}

func (d *Document) tooLarge(p part) {
	d.add(&yaml.Node{Line: p.line + 1, Column: 1}, "", Limit, "the document is too large to be read", "at most 256 KiB are")
}

// A part is the text of one document, and how many lines of the file stand before it.
type part struct {
	text []byte
	line int
}

// empty tells whether there is nothing but comments and directives. An explicit null between two --- is something.
func (p part) empty() bool {
	explicit := bytes.HasPrefix(p.text, []byte("---"))
	for line := range bytes.Lines(p.text) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("---")) {
			line = bytes.TrimSpace(line[3:])
		}
		if len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return !explicit
}

// split cuts a file at its document markers. YAML lets --- stand at the beginning of a line for nothing else.
func split(data []byte) []part {
	var out []part
	at := part{}
	start, line := 0, 0
	offset := 0
	for text := range bytes.Lines(data) {
		if marker(text) && offset > start {
			at.text = data[start:offset]
			out = append(out, at)
			start, at = offset, part{line: line}
		}
		offset += len(text)
		line++
	}
	at.text = data[start:]
	return append(out, at)
}

func marker(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.ContainsRune([]byte(" \t\r\n"), rune(rest[0])))
}

// moveDown counts the lines of a document from the beginning of its file.
func (v Value) moveDown(lines int) {
	if v.node == nil || lines == 0 {
		return
	}
	seen := map[*yaml.Node]bool{}
	var move func(n *yaml.Node)
	move = func(n *yaml.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		n.Line += lines
		for _, c := range n.Content {
			move(c)
		}
	}
	move(v.node)
}
