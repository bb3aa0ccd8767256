package document

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Line is where a field stands in a file, from 1, or the deepest one around it that is there; names in any case. It is
// 0 where the file can't be read at all.
func Line(text []byte, path ...string) int {
	if len(text) > MaxBytes {
		return 0
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) == 0 {
		return 0
	}
	node, line := doc.Content[0], doc.Content[0].Line
	for _, name := range path {
		key, value := step(node, name)
		if value == nil {
			break
		}
		node, line = value, key.Line
	}
	return line
}

// step finds a map's field, or a list's entry by its number.
func step(n *yaml.Node, name string) (key, value *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if strings.EqualFold(n.Content[i].Value, name) {
				return n.Content[i], n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
	}
	return nil, nil
}
