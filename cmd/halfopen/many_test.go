package main

import (
	"testing"

	"github.com/stretchr/testify/require"
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
