package document

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/halfopen/halfopen/harness/problem"
)

// Fields are the entries of a map.
type Fields struct {
	of   Value
	keys []Entry
	fold bool
	used map[string]string // folded name → the name as we spell it
	like map[string]Entry  // what is misspelt, by the name that it is taken for
}

// An Entry is one of them.
type Entry struct {
	Key   string
	KeyAt Value // the key's own place
	Value Value
}

// Fields takes a value as a map; an absent one or another kind is an empty one (the latter with a problem).
func (v Value) Fields() *Fields { return v.fields(false) }

// FoldedFields does the same with names in any case, as daprd decodes them.
func (v Value) FoldedFields() *Fields { return v.fields(true) }

func (v Value) fields(fold bool) *Fields {
	f := &Fields{of: v, fold: fold, used: map[string]string{}}
	if !v.Set() || !v.want(yaml.MappingNode) {
		return f
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key := v.node.Content[i]
		path := strings.TrimPrefix(v.path+"."+key.Value, ".")
		e := Entry{Key: key.Value, KeyAt: Value{r: v.r, node: key, path: path}, Value: Value{r: v.r, node: v.node.Content[i+1], path: path}}
		if key.Kind != yaml.ScalarNode {
			e.KeyAt.Tell(Type, "a field's name must be a single word", "")
			continue
		}
		if seen[f.name(e.Key)] {
			e.KeyAt.Tell(Twice, "stands here twice", "remove one of them")
			continue
		}
		seen[f.name(e.Key)] = true
		f.keys = append(f.keys, e)
	}
	return f
}

func (f *Fields) name(key string) string {
	if f.fold {
		return strings.ToLower(key)
	}
	return key
}

// Get gives one field's value; a value that is not Set where it is absent.
func (f *Fields) Get(name string) Value {
	f.used[f.name(name)] = name
	for _, e := range f.keys {
		if f.name(e.Key) == f.name(name) {
			return e.Value
		}
	}
	if e, ok := f.like[name]; ok {
		return e.Value
	}
	return Value{r: f.of.r, path: strings.TrimPrefix(f.of.path+"."+name, ".")}
}

// Need is Get, with a problem where the field is absent or empty.
func (f *Fields) Need(name, hint string) Value {
	v := f.Get(name)
	if !v.Set() || (v.node.Kind == yaml.ScalarNode && v.node.Value == "") {
		f.of.r.add(f.of.node, v.path, Missing, "is missing", hint)
	}
	return v
}

// Known names all fields that a map may have. A misspelt one is taken for the one that it resembles, where that is absent:
// what it holds is read, and nothing is missing on its account. Done tells of it all the same.
func (f *Fields) Known(names ...string) *Fields {
	f.Allow(names...)
	has := map[string]bool{}
	for _, e := range f.keys {
		has[f.name(e.Key)] = true
	}
	unknown := 0
	for _, e := range f.keys {
		if _, known := f.used[f.name(e.Key)]; known {
			continue
		}
		if unknown++; unknown > problem.Most {
			break
		}
		if near := Nearest(e.Key, names); near != "" && !has[f.name(near)] {
			if f.like == nil {
				f.like = map[string]Entry{}
			}
			has[f.name(near)], f.like[near] = true, e
		}
	}
	return f
}

// All gives all entries in the order of the file.
func (f *Fields) All() []Entry { return f.keys }

// Allow marks fields as known that nobody asked for.
func (f *Fields) Allow(names ...string) {
	for _, n := range names {
		f.used[f.name(n)] = n
	}
}

// Done notes a problem for each field that nobody asked for, and says which one may be meant.
func (f *Fields) Done() {
	known := make([]string, 0, len(f.used))
	for _, name := range f.used {
		known = append(known, name)
	}
	slices.Sort(known)
	has := map[string]bool{}
	for _, e := range f.keys {
		has[f.name(e.Key)] = true
	}
	for _, e := range f.keys {
		if f.of.Full() {
			return
		}
		if name, used := f.used[f.name(e.Key)]; used {
			if name != e.Key {
				f.of.r.OtherCase = append(f.of.r.OtherCase, OtherCase{At: e.KeyAt, Name: name})
			}
			continue
		}
		hint := "known here: " + strings.Join(known, ", ")
		if near := Nearest(e.Key, known); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
			if has[f.name(near)] {
				hint = fmt.Sprintf("remove it: %s is there already", near)
			}
		}
		e.KeyAt.Tell(Unknown, "unknown field", hint)
	}
}

// Nearest is the known name that a mistyped one is closest to; "" where none is close.
func Nearest(name string, known []string) string {
	best, distance := "", min(len(name)/3+2, max(len(name), 1))
	const most = 1000
	for _, k := range known[:min(len(known), most)] {
		if abs(len(k)-len(name)) >= distance {
			continue // as many letters are missing
		}
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// edits counts the single-letter changes that turn a into b (Levenshtein).
func edits(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// Distance is how many single letters two names differ in, their case aside.
func Distance(a, b string) int { return edits(strings.ToLower(a), strings.ToLower(b)) }
