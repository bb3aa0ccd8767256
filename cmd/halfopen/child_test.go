package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/harnesstest"
)

// A child is halfopen as a process of its own.
type child struct {
	*exec.Cmd
	lines chan string
	mu    sync.Mutex
	all   strings.Builder
}

func start(t *testing.T, env []string, args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(harnesstest.Binary(t), args...), lines: make(chan string, 1000)}
	c.Dir = filepath.Join("..", "..")
	c.Env = append(os.Environ(), env...)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	c.Stdout, c.Stderr = w, w
	require.NoError(t, c.Start())
	w.Close()
	go func() {
		defer close(c.lines)
		in := bufio.NewScanner(r)
		for in.Scan() {
			c.mu.Lock()
			c.all.WriteString(in.Text() + "\n")
			c.mu.Unlock()
			c.lines <- in.Text()
		}
	}()
	t.Cleanup(func() { c.Process.Kill() })
	return c
}

// await reads on until a line holds a text.
func (c *child) await(t *testing.T, text string) string {
	t.Helper()
	giveUp := time.After(30 * time.Second)
	for {
		select {
		case line, more := <-c.lines:
			if strings.Contains(line, text) {
				return line
			}
			if !more {
				t.Fatalf("it ended and never said %q:\n%s", text, c.all.String())
			}
		case <-giveUp:
			t.Fatalf("never said %q:\n%s", text, c.all.String())
		}
	}
}

func (c *child) code(t *testing.T) int {
	t.Helper()
	for range c.lines {
	}
	c.Wait()
	return c.ProcessState.ExitCode()
}

// processes of a run carry its id.
func processes(t *testing.T, reports string) []string {
	t.Helper()
	runs, err := os.ReadDir(reports)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	var out []string
	for _, file := range files {
		if environ, err := os.ReadFile(file); err == nil && bytes.Contains(environ, []byte("HALFOPEN_RUN="+runs[0].Name())) {
			out = append(out, file)
		}
	}
	return out
}

func freePortOf(t *testing.T) string {
	t.Helper()
	p, err := freePort()
	require.NoError(t, err)
	return fmt.Sprint(p)
}
