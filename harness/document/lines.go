package document

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Lines tells on which line of a file each field stands, by its path with all names in lower case:
// spec.policies.retries.retryforever.duration, timeline[1]. A file that is no YAML has none.
func Lines(data []byte) map[string]int {
	out := map[string]int{}
	var doc yaml.Node
	if len(data) > MaxBytes || yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc) != nil || len(doc.Content) == 0 {
		return out
	}
	place(doc.Content[0], "", 0, out)
	return out
}

// place goes no deeper than a file that is read may be nested; an alias leads nowhere.
func place(n *yaml.Node, path string, depth int, out map[string]int) {
	const deepest = 64
	if depth > deepest {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			under := strings.TrimPrefix(path+"."+strings.ToLower(key.Value), ".")
			if _, twice := out[under]; !twice {
				out[under] = key.Line
			}
			place(n.Content[i+1], under, depth+1, out)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			under := fmt.Sprintf("%s[%d]", path, i)
			out[under] = c.Line
			place(c, under, depth+1, out)
		}
	}
}
