package document

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// maxValues is how many values a document may have once its aliases are written out.
const maxValues = 50_000

// expand gives a value with what its aliases and merge keys stand for. What would stay large is refused; what
// contains itself is endlessly deep, and refused for that.
func (r *Reader) expand(n *yaml.Node, depth int, left *int) (*yaml.Node, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if *left--; *left < 0 {
		r.add(n, "", Limit, fmt.Sprintf("more than %d values, aliases written out", maxValues), "")
		return n, false
	}
	if depth > deepest {
		r.add(n, "", Limit, fmt.Sprintf("nested deeper than %d levels", deepest), "")
		return n, false
	}
	for i, c := range n.Content {
		full, ok := r.expand(c, depth+1, left)
		if !ok {
			return n, false
		}
		n.Content[i] = full
	}
	if n.Kind == yaml.MappingNode {
		merge(n)
	}
	return n, true
}

// merge takes what stands under << into the map, behind its own fields and without those that it has itself.
func merge(n *yaml.Node) {
	var own, more []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() != "!!merge" {
			own = append(own, n.Content[i], n.Content[i+1])
			continue
		}
		from := []*yaml.Node{n.Content[i+1]}
		if from[0].Kind == yaml.SequenceNode {
			from = from[0].Content
		}
		for _, m := range from {
			if m.Kind == yaml.MappingNode {
				more = append(more, m.Content...)
			}
		}
	}
	if more == nil {
		return
	}
	has := map[string]bool{}
	for i := 0; i < len(own); i += 2 {
		has[own[i].Value] = true
	}
	for i := 0; i+1 < len(more); i += 2 {
		if !has[more[i].Value] {
			has[more[i].Value] = true
			own = append(own, more[i], more[i+1])
		}
	}
	n.Content = own
}
