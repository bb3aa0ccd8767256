package problem_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/problem"
)

func many(file string, n int) problem.List {
	var out problem.List
	for i := range n {
		out = append(out, problem.Problem{File: file, Line: i + 1, What: "is wrong", Hint: "mend it"})
	}
	return out
}

func TestAHundredProblemsAreToldAndTheRestCounted(t *testing.T) {
	told := many("a.yaml", 100).Error()
	require.Equal(t, 100, strings.Count(told, "is wrong"))
	require.NotContains(t, told, "more")
	told = many("a.yaml", 350).Error()
	require.Equal(t, 100, strings.Count(told, "is wrong"))
	require.True(t, strings.HasSuffix(told, "\nand 250 more: mend these first"), told)
	told = append(many("a.yaml", 350), many("b.yaml", 3)...).Error()
	require.Equal(t, 3, strings.Count(told, "b.yaml:"), "no file hides another")
	require.Contains(t, told, "and 300 more")
	require.Contains(t, many("a.yaml", problem.Most).Error(), "and 900 more at least", "that is where readers stop")
	var files problem.List
	for i := range 500 {
		files = append(files, many(fmt.Sprint(i), 2)...)
	}
	require.Contains(t, files.Error(), "and 900 more")
}

func TestWhatIsTooLongToBeReadIsCut(t *testing.T) {
	long := problem.Problem{File: "a.yaml", What: strings.Repeat("é", 1<<20), Hint: strings.Repeat("x", 1<<20)}.String()
	require.Less(t, len(long), 2<<10)
	require.NotContains(t, long, "\ufffd")
	names := strings.Split(strings.Repeat(strings.Repeat("n", 1<<10)+" ", 1<<10), " ")
	require.Less(t, len(problem.Names(names)), 2<<10)
	require.Contains(t, problem.Names(names), "and 1005 more")
	require.Equal(t, "a, b", problem.Names([]string{"a", "b"}))
}
