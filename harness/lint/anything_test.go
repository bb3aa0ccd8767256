package lint_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/heap"
	"github.com/halfopen/halfopen/harness/lint"
)

// FuzzCheck gives anything at all to lint: it answers, in all formats and within 100 MB, and every
// finding lies within its file.
func FuzzCheck(f *testing.F) {
	for _, pattern := range []string{"testdata/corpus/*.txt", "testdata/rules/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Add([]byte("kind: Resiliency\nspec: &a { policies: *a }"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := lint.Options{ClientTimeout: time.Second, Paths: 1000, Dapr: lint.Version{Major: 1, Minor: 14}}
		var r lint.Report
		most := heap.Most(func() {
			r = lint.Check([]lint.Source{{Name: "a/x.yaml", Data: text, Named: true}, {Name: "a/y.yaml", Data: []byte(example)}}, o)
			lint.WriteText(io.Discard, r, lint.TextOptions{Width: 80})
			require.NoError(t, lint.WriteJSON(io.Discard, r))
			require.NoError(t, lint.WriteSARIF(io.Discard, r, ""))
		})
		require.LessOrEqual(t, most, uint64(heap.Limit), "bytes of memory")
		lines := bytes.Count(text, []byte("\n")) + 1
		for _, x := range r.Findings {
			if x.File == "a/x.yaml" && (x.Line < 1 || x.Line > lines || x.Column < 1 || x.EndColumn <= x.Column || x.What == "" || x.Effect == "" || x.Mend == "") {
				t.Fatalf("%+v", x)
			}
		}
	})
}

const example = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: more }
spec:
  policies:
    timeouts: { patience: 2s }
    retries: { again: { duration: 1s, maxRetries: 3 } }
  targets:
    apps: { order-processor: { timeout: patience, retry: again } }
`

func TestTheWorstInputsTakeLittleTimeAndMemory(t *testing.T) {
	head := "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: x }\nspec:\n  policies:\n    retries:\n"
	bomb := head + "      a: &a { matching: { x: [" + strings.Repeat("1,", 1000) + "1] } }\n"
	for i := range 200 {
		bomb += fmt.Sprintf("      b%d: *a\n", i)
	}
	trip := func(expr string) string {
		return head + "      r: { maxRetries: -1 }\n    circuitBreakers:\n      b: { interval: 1h, trip: '" + expr + "' }\n  targets:\n    apps:\n      x: { retry: r, circuitBreaker: b }\n"
	}
	deep := strings.Repeat("[0].all(x, ", 12)
	for name, text := range map[string]string{
		"two_mebibytes_of_nonsense": strings.Repeat("\x00\xff nonsense: [{\n", 2<<20/16),
		"brackets":                  head + strings.Repeat("[", 250<<10),
		"braces":                    head + "      a: " + strings.Repeat("{a: ", 60<<10),
		"commas":                    head + "      a: [" + strings.Repeat("a,", 120<<10) + "]\n",
		"keys_that_nobody_knows":    "kind: Resiliency\n" + strings.Repeat("k: {?}\n", 30<<10),
		"many_keys":                 head + "      a: {" + many("k%d: 1, ", 20_000) + "}\n",
		"many_policies":             head + many("      r%d: { duration: 5 }\n", 8_000),
		"dashes":                    head + strings.Repeat("- ", 120<<10),
		"a_bomb_of_aliases":         bomb,
		"many_items":                "kind: List\nitems:\n" + strings.Repeat("- kind: Resiliency\n", 13_000),
		"lists_of_lists_of_aliases": "kind: List\nitems:\n- &a {kind: List, items: [{kind: Resiliency}, {kind: Resiliency}]}\n- &b {kind: List, items: [*a, *a, *a, *a]}\n" + strings.Repeat("- *b\n", 600),
		"many_documents":            strings.Repeat("---\nkind: Resiliency\n", 49_000),
		"a_line_of_a_mebibyte":      "kind: Resiliency # " + strings.Repeat("x", 1<<20-100),
		"comments":                  "kind: Resiliency\n" + strings.Repeat("# halfopen:ignore L18\n", 40_000),
		"a_long_trip":               trip(strings.Repeat("requests+", 10_000) + "1 > 0"),
		"a_trip_of_sums":            trip(strings.Repeat("requests+", 450) + "1 > 0"),
		"a_trip_of_loops":           trip("[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4,5,6,7,8,9].all(d, [0,1,2,3,4,5,6,7,8,9].all(e, [0,1,2,3,4,5,6,7,8,9].all(f, requests < 0))))))"),
		"a_trip_of_many_levels":     trip(deep + "requests > 0" + strings.Repeat(")", 12)),
		"huge_numbers":              head + "      r: { policy: exponential, maxInterval: 1ns, maxRetries: 9223372036854775807 }\n      s: { duration: 9223372036854ms, maxRetries: 999999999 }\n    timeouts: { t: 1ns }\n  targets:\n    apps:\n      x: { timeout: t, retry: r }\n      y: { timeout: t, retry: s }\n",
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var after runtime.MemStats
			began := time.Now()
			r := lint.Check([]lint.Source{{Name: "x.yaml", Data: []byte(text)}}, lint.Options{ClientTimeout: time.Second})
			var b bytes.Buffer
			lint.WriteText(&b, r, lint.TextOptions{Width: 100})
			runtime.ReadMemStats(&after)
			t.Logf("%d findings, %d bytes of text, %d MB at most so far, %s", len(r.Findings), b.Len(), after.HeapSys>>20, time.Since(began).Round(time.Millisecond))
			require.NotZero(t, len(r.Findings)+len(r.Unread)+b.Len())
			require.Less(t, after.HeapSys>>20, uint64(100), "megabytes")
		})
	}
}

func many(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// BenchmarkCheck lints folders of 250 to 4 000 specs, each with policies and a target of its own.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{250, 1000, 4000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var sources []lint.Source
			for i := range n {
				text := strings.NewReplacer("again", fmt.Sprintf("again%d", i), "patience", fmt.Sprintf("patience%d", i), "order-processor", fmt.Sprintf("app%d", i)).Replace(example)
				text = strings.Replace(text, "  targets:", fmt.Sprintf("    circuitBreakers: { cut%d: { trip: \"consecutiveFailures > %d\" } }\n  targets:", i, i%50), 1)
				text = strings.Replace(text, " }\n", fmt.Sprintf(", circuitBreaker: cut%d } }\n", i), 1)
				sources = append(sources, lint.Source{Name: fmt.Sprintf("specs/%d.yaml", i), Data: []byte(text)})
			}
			for b.Loop() {
				if r := lint.Check(sources, lint.Options{}); r.Resources != n {
					b.Fatal(r.Resources)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/float64(n), "ms/file")
		})
	}
}
