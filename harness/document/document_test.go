package document_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/heap"
)

func TestWhereYAMLIsBroken(t *testing.T) {
	for _, c := range []struct {
		name, text string
		line       int
	}{
		{"an_open_brace", "a: 1\nb:\n  c: { d: 1\n", 3},
		{"an_open_bracket", "a: 1\nb: [1, 2\nc: 3\n", 2},
		{"a_colon_too_many", "a: 1\nb: c: d\n", 2},
		{"an_open_brace_at_the_very_end", "a: 1\nb: { c: 1", 2},
		{"a_tab_for_indentation", "a:\n  b: 1\n\tc: 2\n", 3},
		{"a_key_out_of_line", "# the library names the line where its map begins\na: 1\nb:\n    c: 1\n  d: 2\n", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _, ok := document.Read("x.yaml", []byte(c.text))
			require.False(t, ok)
			require.Equal(t, c.line, r.Problems[0].Line, "%s", r.Problems[0])
			d := document.All("x.yaml", []byte("x: 1\n---\n"+c.text), nil)
			require.Equal(t, c.line+2, d[1].Problems[0].Line, "%s", d[1].Problems[0])
		})
	}
}

func TestDocumentsOfAFile(t *testing.T) {
	text := "# a comment\n---\na: 1\n--- # the next\nb: [\n---\n---\nc:\n  d: 1\n"
	docs := document.All("x.yaml", []byte(text), nil)
	require.Len(t, docs, 4)
	require.True(t, docs[0].OK)
	require.False(t, docs[1].OK, "what is no YAML does not hide the next")
	require.Equal(t, 6, docs[1].Problems[0].Line, "where something else than its end comes")
	require.False(t, docs[2].Root.IsMap(), "an empty one counts")
	key, v := docs[3].Root.Find("c", "d")
	line, column, wide := key.Place()
	require.Equal(t, []int{9, 3, 1}, []int{line, column, wide})
	require.Equal(t, "1", v.Raw())
}

func TestAliasesAreWrittenOutWithinABound(t *testing.T) {
	_, root, ok := document.ReadAliased("x.yaml", []byte("a: &a { b: 1, c: 2 }\nd: { <<: *a, c: 3 }\ne: *a\n"))
	require.True(t, ok)
	for path, want := range map[string]string{"d b": "1", "d c": "3", "e c": "2"} {
		_, v := root.Find(strings.Fields(path)...)
		require.Equal(t, want, v.Raw(), path)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'k'; i++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", i-1), 9), ","))
	}
	for _, text := range []string{bomb, "a: &a [*a]\n", "a: &a { <<: *a }\n"} {
		r, _, ok := document.ReadAliased("x.yaml", []byte(text))
		require.False(t, ok)
		require.Equal(t, document.Limit, r.Problems[0].Kind, "%s", r.Problems[0])
	}
}

// Whatever a file holds, all of it is read or told about, within 100 MB, and each problem has its place in the file.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"a: &a { b: 1, c: 2 }\nd: { <<: *a, c: 3 }\ne: *a\n", "a: &a [*a]\n", "--- # one\na: 1\n---\nb: [\n---\n---\nc: 1\n",
		"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "[[[[[[[[{{{{}}}}]]]]]]]]", "? [x]\n: y\n", "a: |\n  text\n\t\nb: 'x''y'\n", "{\"a\": \"\\u0000\"}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := 1 + len(breaks.FindAll(text, -1))
		most := heap.Most(func() {
			for _, read := range []func(string, []byte) (*document.Reader, document.Value, bool){document.Read, document.ReadAliased} {
				r, root, ok := read("x.yaml", text)
				if !ok {
					require.NotEmpty(t, r.Problems)
				}
				walk(root)
			}
			for _, d := range document.All("x.yaml", text, nil) {
				if d.OK {
					walk(d.Root)
				} else {
					require.NotEmpty(t, d.Problems)
				}
				for _, p := range d.Problems {
					require.LessOrEqual(t, p.Line, lines, "%s", p)
				}
			}
		})
		require.LessOrEqual(t, most, uint64(heap.Limit), "bytes of memory")
	})
}

// breaks are all that YAML takes for the end of a line.
var breaks = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

// walk asks all that a reader may ask, of every value.
func walk(v document.Value) {
	for _, e := range v.FoldedFields().All() {
		v.Find(e.Key)
		walk(e.Value)
	}
	for _, item := range v.Items() {
		walk(item)
	}
	v.Place()
	v.Text()
	v.Int(0)
}
