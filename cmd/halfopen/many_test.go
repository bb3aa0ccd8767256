package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
)

func TestSeveralRunsAreALineEachAndATable(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	c := start(t, nil, "run", "--env", "process", "--reports", t.TempDir(), "--repeat", "2", "--parallel", "99", "fails-n-then-succeeds")
	require.Contains(t, []int{exitKept, exitUnknown}, c.code(t), "%s", c.all.String()) // unknown where the machine is too busy
	for _, want := range []string{"--parallel 99: this machine carries ", "2 runs in process environment, at most 2 at once", "fails-n-then-succeeds #2", "gap error", "2 runs in "} {
		require.Contains(t, c.all.String(), want)
	}
}

func TestWhatIsAnnouncedOfManyRunsIsTrue(t *testing.T) {
	free := []harness.Job{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	same := []harness.Job{{Name: "a", Claims: "127.0.0.1:8080"}, {Name: "a", Claims: "127.0.0.1:8080"}}
	for want, all := range map[string]harness.Many{
		"3 runs in process environment, at most 3 at once":                                                           {Jobs: free, AtOnce: 16},
		"3 runs in process environment, at most 2 at once":                                                           {Jobs: free, AtOnce: 2},
		"3 runs in process environment, one at a time":                                                               {Jobs: free, AtOnce: 1},
		"2 runs in process environment, one at a time (those that listen on 127.0.0.1:8080 wait for each other)":     {Jobs: same, AtOnce: 16},
		"5 runs in process environment, at most 4 at once (those that listen on 127.0.0.1:8080 wait for each other)": {Jobs: append(free, same...), AtOnce: 16},
	} {
		require.Equal(t, want, announce(all, "process"))
	}
}
