package harnesstest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheProgramIsFound(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "halfopen")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755))
	builds := func() (string, error) { return "/built", nil }
	fails := func() (string, error) { return "", errors.New("no required module provides package") }

	path, err := findBinary(program, fails)
	require.NoError(t, err)
	require.Equal(t, program, path, "named by HALFOPEN_BIN")

	_, err = findBinary(filepath.Join(dir, "nothing"), builds)
	require.ErrorContains(t, err, "HALFOPEN_BIN: ", "what is named must be there, or another one would be used unseen")

	t.Setenv("PATH", dir)
	path, err = findBinary("", builds)
	require.NoError(t, err)
	require.Equal(t, "/built", path, "the module's own version comes before any other")

	path, err = findBinary("", fails)
	require.NoError(t, err)
	require.Equal(t, program, path, "in PATH")

	t.Setenv("PATH", t.TempDir())
	_, err = findBinary("", fails)
	require.ErrorContains(t, err, "HALFOPEN_BIN is not set, there is none in PATH, and it can't be built (go get -tool github.com/halfopen/halfopen/cmd/halfopen, then go mod tidy, mends that)")
	require.ErrorContains(t, err, "no required module provides package")
}

func TestProgramsOfEarlierTestsAreSwept(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	old, fresh := filepath.Join(os.TempDir(), tempPrefix+"1"), filepath.Join(os.TempDir(), tempPrefix+"2")
	require.NoError(t, os.Mkdir(old, 0o755))
	require.NoError(t, os.Mkdir(fresh, 0o755))
	yesterday := time.Now().Add(-25 * time.Hour)
	require.NoError(t, os.Chtimes(old, yesterday, yesterday))
	sweep()
	require.NoDirExists(t, old)
	require.DirExists(t, fresh)
}

func TestScenariosGoInWaves(t *testing.T) {
	w := &waves{atOnce: 2}
	first := w.join(nil)
	require.Same(t, first, w.join([]string{"127.0.0.1:7000"}))
	second := w.join(nil)
	require.NotSame(t, first, second)
	require.Same(t, first, second.before)
	require.Nil(t, first.before)

	w = &waves{atOnce: 9}
	first = w.join([]string{"127.0.0.1:7000"})
	require.Same(t, first, w.join([]string{"127.0.0.1:7001"}))
	require.NotSame(t, first, w.join([]string{"127.0.0.1:7001"}), "they would meet")
}
