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

	"gopkg.in/yaml.v3"

	"github.com/halfopen/halfopen/harness/problem"
)

// MaxBytes is the largest file that is read.
const MaxBytes = 1 << 20

// A Reader gathers the problems of one file.
type Reader struct {
	File     string
	Problems problem.List
}

// Read parses the first document of a file and gives its root. It gives false where nothing can be read from it.
// Anchors are refused: they are of no use here, and a few lines of them can stand for gigabytes.
func Read(file string, data []byte) (r *Reader, root Value, ok bool) {
	r = &Reader{File: file}
	if len(data) > MaxBytes {
		r.add(nil, "", fmt.Sprintf("%d bytes are too many: at most %d are read", len(data), MaxBytes), "is this the file you mean?")
		return r, Value{}, false
	}
	in := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := in.Decode(&doc)
	if errors.Is(err, io.EOF) || (err == nil && len(doc.Content) == 0) {
		r.add(nil, "", "the file is empty", "")
		return r, Value{}, false
	}
	if err != nil {
		r.syntax(err)
		return r, Value{}, false
	}
	if !r.plain(doc.Content[0], 0) {
		return r, Value{}, false
	}
	var second yaml.Node
	if err := in.Decode(&second); err == nil {
		r.add(&second, "", "a second document begins here, and only the first one is read", "put it into a file of its own")
	}
	return r, Value{r: r, node: doc.Content[0]}, true
}

// yamlLine finds the line in an error of the YAML library.
var yamlLine = regexp.MustCompile(`line (\d+): `)

func (r *Reader) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	p := problem.Problem{File: r.File, What: "not YAML: " + text, Hint: "check indentation, colons and quotes there"}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.What = "not YAML: " + strings.Replace(text, m[0], "", 1)
	}
	r.Problems = append(r.Problems, p)
}

// plain refuses anchors, aliases and absurd depth.
func (r *Reader) plain(n *yaml.Node, depth int) bool {
	const deepest = 64
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.add(n, "", "anchors and aliases (&, *) are not read", "write the value out")
		return false
	}
	if depth > deepest {
		r.add(n, "", fmt.Sprintf("nested deeper than %d levels", deepest), "")
		return false
	}
	for _, c := range n.Content {
		if !r.plain(c, depth+1) {
			return false
		}
	}
	return true
}

func (r *Reader) add(n *yaml.Node, field, what, hint string) {
	p := problem.Problem{File: r.File, Field: field, What: what, Hint: hint}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
	}
	r.Problems = append(r.Problems, p)
}

// A Value is one place in a file.
type Value struct {
	r    *Reader
	node *yaml.Node // nil where the field is absent
	path string
}

// Problem notes that something is wrong here.
func (v Value) Problem(what, hint string) { v.r.add(v.node, v.path, what, hint) }

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
	v.Problem(fmt.Sprintf("want %s, got %s", kinds[k], kinds[v.node.Kind]), "")
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
		v.Problem(fmt.Sprintf("%q is no whole number", v.node.Value), "")
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
