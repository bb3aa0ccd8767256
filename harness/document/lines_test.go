package document_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/heap"
)

func TestEachFieldIsFoundOnItsLine(t *testing.T) {
	got := document.Lines([]byte("a:\n  Retries: { X: { duration: 5s } }\nlist:\n  - one: 1\n\n  - two: 2\n"))
	require.Equal(t, map[string]int{
		"a": 1, "a.retries": 2, "a.retries.x": 2, "a.retries.x.duration": 2,
		"list": 3, "list[0]": 4, "list[0].one": 4, "list[1]": 6, "list[1].two": 6,
	}, got)
	require.Empty(t, document.Lines([]byte(":\n\t- not yaml")))
	require.Empty(t, document.Lines(nil))
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a: { b: [1, 2] }\n? [x]: y\n"))
	f.Add([]byte("&a [*a, *a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		most := heap.Most(func() {
			for path, line := range document.Lines(text) {
				require.Positive(t, line, path)
				require.LessOrEqual(t, line, 2+len(text), path)
			}
		})
		require.LessOrEqual(t, most, uint64(heap.Limit), "bytes of memory")
	})
}
