// Package document reads YAML that somebody wrote: every problem at once, each with its place and a hint.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/halfopen/halfopen/harness/problem"
)

// MaxBytes is the largest file that is read.
const MaxBytes = 1 << 20

// A Reader gathers the problems of one file.
type Reader struct {
	File      string
	Problems  problem.List
	OtherCase []OtherCase                   // fields that were found though their names are written in another case
	before    int                           // lines of the file before this document
	lines     int                           // from there to the end of the file
	index     map[*yaml.Node]map[string]int // where the keys of large maps are
}

// An OtherCase is a field whose name is written in another case than its own.
type OtherCase struct {
	At   Value
	Name string // as it should be
}

// Kinds of problems that any file can have.
const (
	Syntax    problem.Kind = "syntax"    // it is not YAML
	Limit     problem.Kind = "limit"     // too much of it to be read
	Documents problem.Kind = "documents" // a second document in the file
	Type      problem.Kind = "type"      // a value of the wrong type
	List      problem.Kind = "list"      // a list where a map is meant
	Unknown   problem.Kind = "unknown"   // a field that nobody knows
	Twice     problem.Kind = "twice"     // a field that stands there twice
	Missing   problem.Kind = "missing"   // a field that must be there
)

// Read parses the first document of a file and gives its root. It gives false where nothing can be read from it.
// Anchors are refused: they are of no use here, and a few lines of them can stand for gigabytes.
func Read(file string, data []byte) (r *Reader, root Value, ok bool) { return read(file, data, false) }

// ReadAliased does the same with anchors, aliases and merge keys written out, as far as that stays small.
func ReadAliased(file string, data []byte) (r *Reader, root Value, ok bool) {
	return read(file, data, true)
}

func read(file string, data []byte, aliases bool) (r *Reader, root Value, ok bool) {
	r = &Reader{File: file}
	if len(data) > MaxBytes {
		r.add(nil, "", Limit, fmt.Sprintf("%d bytes are too many: at most %d are read", len(data), MaxBytes), "is this the file you mean?")
		return r, Value{}, false
	}
	in := yaml.NewDecoder(bytes.NewReader(data))
	r.lines = lines(data)
	if root, ok = r.next(in, aliases); !ok {
		return r, Value{}, false
	}
	var second yaml.Node
	if err := in.Decode(&second); err == nil {
		r.add(&second, "", Documents, "a second document begins here, and only the first one is read", "put it into a file of its own")
	}
	return r, root, true
}

// lines counts them; a last one without an end counts.
func lines(text []byte) int {
	return bytes.Count(text, []byte("\n")) + min(len(text)-bytes.LastIndexByte(text, '\n')-1, 1)
}

// next reads one document.
func (r *Reader) next(in *yaml.Decoder, aliases bool) (root Value, ok bool) {
	var doc yaml.Node
	err := in.Decode(&doc)
	if errors.Is(err, io.EOF) || (err == nil && len(doc.Content) == 0) {
		r.add(nil, "", Missing, "the file is empty", "")
		return Value{}, false
	}
	if err != nil {
		r.syntax(err)
		return Value{}, false
	}
	if aliases {
		left := maxValues
		doc.Content[0], ok = r.expand(doc.Content[0], 0, &left)
	} else {
		ok = r.plain(doc.Content[0], 0)
	}
	return Value{r: r, node: doc.Content[0]}, ok
}

// yamlLine finds the line in an error of the YAML library.
var yamlLine = regexp.MustCompile(`line (\d+): `)

func (r *Reader) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	p := problem.Problem{File: r.File, Kind: Syntax, What: "not YAML: " + text, Hint: "check indentation, colons and quotes there"}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		if strings.Contains(text, "did not find expected") || strings.Contains(text, "found a tab character that violates") {
			p.Line++ // the library counts the lines of these from 0
		}
		p.Line = min(p.Line, r.lines) + r.before // where the text ends too soon, the library is a line beyond it
		p.What = "not YAML: " + strings.Replace(text, m[0], "", 1)
	}
	r.Problems = append(r.Problems, p)
}

// deepest is how far values may be nested.
const deepest = 64

// plain refuses anchors, aliases and absurd depth.
func (r *Reader) plain(n *yaml.Node, depth int) bool {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.add(n, "", Limit, "anchors and aliases (&, *) are not read", "write the value out")
		return false
	}
	if depth > deepest {
		r.add(n, "", Limit, fmt.Sprintf("nested deeper than %d levels", deepest), "")
		return false
	}
	for _, c := range n.Content {
		if !r.plain(c, depth+1) {
			return false
		}
	}
	return true
}

func (r *Reader) add(n *yaml.Node, field string, kind problem.Kind, what, hint string) {
	if len(r.Problems) >= problem.Most {
		return
	}
	p := problem.Problem{File: r.File, Field: field, What: what, Hint: hint, Kind: kind}
	if n != nil {
		p.Line, p.Column, p.Width = n.Line, n.Column, width(n)
	}
	r.Problems = append(r.Problems, p)
}

// width is how many characters a value takes on its line, as far as it is written plainly.
func width(n *yaml.Node) int {
	switch {
	case n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return 1
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return utf8.RuneCountInString(n.Value) + 2
	}
	return utf8.RuneCountInString(n.Value)
}

// A Value is one place in a file.
type Value struct {
	r    *Reader
	node *yaml.Node // nil where the field is absent
	path string
}

// Problem notes that something is wrong here.
func (v Value) Problem(what, hint string) { v.Tell("", what, hint) }

// Tell is Problem with its kind.
func (v Value) Tell(kind problem.Kind, what, hint string) { v.r.add(v.node, v.path, kind, what, hint) }

// TellWithin is Tell about a part of a single value: so many characters from an offset on. Where the value's text
// can't be found as it is on its line, the whole value is meant.
func (v Value) TellWithin(offset, wide int, kind problem.Kind, what, hint string) {
	told := len(v.r.Problems)
	v.Tell(kind, what, hint)
	if len(v.r.Problems) == told || v.Block() || offset < 0 || strings.ContainsAny(v.node.Value, "\n'\"\\") {
		return
	}
	p := &v.r.Problems[told]
	if v.Quoted() {
		offset++
	}
	p.Column += offset
	p.Width = max(1, min(wide, p.Width-offset))
}

// Full tells whether so many problems have been noted of its document that no further one will be.
func (v Value) Full() bool { return len(v.r.Problems) >= problem.Most }

// Problems are those noted of its document so far.
func (v Value) Problems() problem.List { return v.r.Problems }

// Set tells whether the field is there and not null.
func (v Value) Set() bool { return v.node != nil && v.node.Tag != "!!null" }

// Path is the field's: timeline[1].fault.for.
func (v Value) Path() string { return v.path }

// Line is where it stands, from 1; 0 where it is absent.
func (v Value) Line() int {
	if v.node == nil {
		return 0
	}
	return v.node.Line
}

// kinds are YAML's, in words.
var kinds = map[yaml.Kind]string{
	yaml.MappingNode: "a map", yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value",
}

// want tells whether the value is of a kind, and notes a problem where it isn't.
func (v Value) want(k yaml.Kind) bool {
	if v.node.Kind == k {
		return true
	}
	kind := Type
	if k == yaml.MappingNode && v.node.Kind == yaml.SequenceNode {
		kind = List
	}
	v.Tell(kind, fmt.Sprintf("want %s, got %s", kinds[k], kinds[v.node.Kind]), "")
	return false
}

// Text is a single value as it is written; "" where it is absent or no single value.
func (v Value) Text() string {
	if !v.Set() || !v.want(yaml.ScalarNode) {
		return ""
	}
	return v.node.Value
}

// Int is a whole number; otherwise where the field is absent, and 0 with a problem where it is none.
func (v Value) Int(otherwise int) int {
	if !v.Set() || !v.want(yaml.ScalarNode) {
		return otherwise
	}
	n, err := strconv.Atoi(v.node.Value)
	if err != nil {
		v.Tell(Type, fmt.Sprintf("%q is no whole number", v.node.Value), "")
		return 0
	}
	return n
}

// List gives the entries of a list, or the one value that stands alone.
func (v Value) List() []Value {
	if !v.Set() || !v.want(yaml.SequenceNode) {
		return nil
	}
	out := make([]Value, len(v.node.Content))
	for i, n := range v.node.Content {
		out[i] = Value{r: v.r, node: n, path: fmt.Sprintf("%s[%d]", v.path, i)}
	}
	return out
}

// IsMap tells whether the value is a map, without a problem where it isn't.
func (v Value) IsMap() bool { return v.Set() && v.node.Kind == yaml.MappingNode }
