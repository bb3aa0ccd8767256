package document

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// Find follows a path of names and gives the last one's key and value, without any problem where there is none:
// both are not Set then. A name in another case is found where none is written exactly so.
func (v Value) Find(path ...string) (key, value Value) {
	for _, name := range path {
		key, v = v.find(name)
	}
	return key, v
}

func (v Value) find(name string) (key, value Value) {
	path := strings.TrimPrefix(v.path+"."+name, ".")
	none := Value{r: v.r, path: path}
	if !v.IsMap() {
		return none, none
	}
	at := v.at(name)
	if at < 0 {
		return none, none
	}
	return Value{r: v.r, node: v.node.Content[at], path: path}, Value{r: v.r, node: v.node.Content[at+1], path: path}
}

// at is where in a map a key stands: one written exactly so, else the first in another case; -1 for none.
func (v Value) at(name string) int {
	const few = 32
	if len(v.node.Content) > few {
		index := v.indexed()
		if i, ok := index[name]; ok {
			return i
		}
		if i, ok := index["\x00"+strings.ToLower(name)]; ok {
			return i
		}
		return -1
	}
	folded := -1
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		switch k := v.node.Content[i].Value; {
		case k == name:
			return i
		case folded < 0 && strings.EqualFold(k, name):
			folded = i
		}
	}
	return folded
}

// indexed gives the places of a large map's keys, and of those in small letters behind a zero byte.
func (v Value) indexed() map[string]int {
	if index, ok := v.r.index[v.node]; ok {
		return index
	}
	index := make(map[string]int, len(v.node.Content))
	for i := len(v.node.Content)/2*2 - 2; i >= 0; i -= 2 {
		k := v.node.Content[i].Value
		index[k], index["\x00"+strings.ToLower(k)] = i, i
	}
	if v.r.index == nil {
		v.r.index = map[*yaml.Node]map[string]int{}
	}
	v.r.index[v.node] = index
	return index
}

// Keys are the names in a map, in the order of the file.
func (v Value) Keys() []string {
	if !v.IsMap() {
		return nil
	}
	var out []string
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		out = append(out, v.node.Content[i].Value)
	}
	return out
}

// Raw is a single value as it is written, without a problem where it is none.
func (v Value) Raw() string {
	if !v.Set() || v.node.Kind != yaml.ScalarNode {
		return ""
	}
	return v.node.Value
}

// Items are the entries of a list, without a problem where it is none.
func (v Value) Items() []Value {
	if !v.IsList() {
		return nil
	}
	return v.List()
}

// IsList tells whether it is a list, without a problem where it isn't.
func (v Value) IsList() bool { return v.Set() && v.node.Kind == yaml.SequenceNode }

// IsWhole tells whether it is written as a number without a fraction.
func (v Value) IsWhole() bool {
	return v.Set() && v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!int"
}

// Place is where it stands: line and column from 1, and how many characters it takes.
func (v Value) Place() (line, column, wide int) {
	if v.node == nil {
		return 0, 0, 0
	}
	return v.node.Line, v.node.Column, width(v.node)
}

// Quoted tells whether it stands in quotes, so that its text begins one column later.
func (v Value) Quoted() bool {
	return v.node != nil && v.node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
}

// Block tells whether it is text that begins on the next line (| or >).
func (v Value) Block() bool {
	return v.node != nil && v.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
}
