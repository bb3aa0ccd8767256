package harnesstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is what plays sidecars, links and built-in apps.
const program = "github.com/halfopen/halfopen/cmd/halfopen"

// Binary finds a halfopen executable, since a test's own is none: the one that the variable HALFOPEN_BIN names; or
// one built from the version that the test's module requires, once a test process; or the one in PATH. A module that
// is not halfopen's own makes its building sure with
//
//	go get -tool github.com/halfopen/halfopen/cmd/halfopen
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var binary = sync.OnceValues(func() (string, error) { return findBinary(os.Getenv("HALFOPEN_BIN"), buildBinary) })

func findBinary(named string, build func() (string, error)) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("HALFOPEN_BIN: %w", err)
		}
		return filepath.Abs(path)
	}
	path, berr := build()
	if berr == nil {
		return path, nil
	}
	path, err := exec.LookPath("halfopen")
	if err != nil {
		return "", fmt.Errorf("no halfopen to play the sidecars: HALFOPEN_BIN is not set, there is none in PATH, and it can't be built (go get -tool %s, then go mod tidy, mends that):\n    %w", program, berr)
	}
	return filepath.Abs(path)
}

// buildBinary builds the program as a static one.
func buildBinary() (string, error) {
	sweep()
	dir, err := os.MkdirTemp("", tempPrefix)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "halfopen")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("go build: %w: %s", err, strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n    "))
	}
	return path, nil
}

const tempPrefix = "halfopen-test-"

// sweep removes the programs of earlier test processes: they had no last moment to do it in.
func sweep() {
	const age = 24 * time.Hour
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*"))
	for _, dir := range old {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > age {
			os.RemoveAll(dir)
		}
	}
}
