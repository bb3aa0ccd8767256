package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/env/container"
)

// mostCleaning is how long a run that is stopped half-way may take to clean up behind itself.
const mostCleaning = 10 * time.Second

// halfway are places at which runs are stopped: by the line that tells that they are reached.
var halfway = map[string]struct{ scenario, at string }{
	"while_brought_up":       {"stop-order-processor", "bring-up"},
	"before_the_fault":       {"stop-order-processor", "wait for 4 orders"},
	"while_the_target_is_up": {"nothing-happens", "wait for 10 orders"},
	"in_an_outage":           {"stop-order-processor", "fault: stop order-processor"},
	"in_a_pause":             {"pause-order-processor", "fault: pause order-processor"},
	"in_a_black_hole":        {"black-hole-without-timeout", "fault: cut "},
	"behind_a_slow_door":     {"retried-post-duplicates", "fault: slow order-processor"},
}

// stopped interrupts a run and gives its output, and the id of its run.
func stopped(t *testing.T, c *child, at, reports string) (run string) {
	t.Helper()
	c.await(t, at)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	began := time.Now()
	require.Equal(t, exitUnknown, c.code(t), "%s", c.all.String())
	require.Less(t, time.Since(began), mostCleaning, "%s", c.all.String())
	require.Contains(t, c.all.String(), "UNKNOWN  ")
	runs, err := os.ReadDir(reports)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	return runs[0].Name()
}

func TestARunInProcessesIsStoppedAnywhereAndLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	for name, c := range halfway {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reports := t.TempDir()
			run := stopped(t, start(t, nil, "run", "--env", "process", "--reports", reports, c.scenario), c.at, reports)
			require.Empty(t, processes(t, reports))
			require.FileExists(t, filepath.Join(reports, run, "verdict.json"), "what was recorded is judged all the same")
		})
	}
}

func TestAClosedTerminalStopsARunInGoodOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	reports := t.TempDir()
	c := start(t, nil, "run", "--env", "process", "--reports", reports, "nothing-happens")
	c.await(t, "bring-up")
	require.NoError(t, c.Process.Signal(syscall.SIGHUP))
	require.Equal(t, exitUnknown, c.code(t), "%s", c.all.String())
	require.Contains(t, c.all.String(), "UNKNOWN  ")
	require.Empty(t, processes(t, reports))
}

func TestARunThatTakesTooLongIsStoppedAndLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	reports := t.TempDir()
	const limit = 7 * time.Second
	c := start(t, nil, "run", "--env", "process", "--reports", reports, "--timeout", limit.String(), "stop-order-processor")
	c.await(t, "bring-up") // the program is built by then
	began := time.Now()
	require.Equal(t, exitUnknown, c.code(t), "%s", c.all.String())
	require.Less(t, time.Since(began), limit+mostCleaning)
	require.Contains(t, c.all.String(), "the run took longer than its limit")
	require.Empty(t, processes(t, reports))
}

// engine skips a test where no container engine answers.
func engine(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: runs real containers")
	}
	e, err := container.Connect(t.Context())
	if err != nil {
		t.Skip("skipped: " + err.Error())
	}
	e.Close()
}

func TestARunInContainersIsStoppedAnywhereAndLeavesNothing(t *testing.T) {
	engine(t)
	for _, name := range []string{"while_brought_up", "in_an_outage", "in_a_pause"} {
		c := halfway[name]
		t.Run(name, func(t *testing.T) {
			reports := t.TempDir()
			run := stopped(t, start(t, nil, "run", "--env", "container", "--reports", reports, c.scenario), c.at, reports)
			left, err := container.Left(context.WithoutCancel(t.Context()), run)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// A leash is a way to the engine that can be cut.
type leash struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

// cut ends all connections to the engine and takes no more.
func (l *leash) cut() {
	l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
}

func newLeash(t *testing.T) *leash {
	t.Helper()
	socket := strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	if socket == "" {
		socket = "/var/run/docker.sock"
	}
	if _, err := os.Stat(socket); err != nil {
		t.Skipf("skipped: the engine is not at a socket that could be cut off: %v", err)
	}
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "engine.sock"))
	require.NoError(t, err)
	l := &leash{Listener: listener}
	t.Cleanup(l.cut)
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			if err != nil {
				in.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, in, out)
			l.mu.Unlock()
			go func() {
				io.Copy(out, in)
				out.(*net.UnixConn).CloseWrite()
			}()
			go func() {
				io.Copy(in, out)
				in.(*net.UnixConn).CloseWrite()
			}()
		}
	}()
	return l
}

func TestWhereTheEngineIsGoneItSaysWhatIsLeftAndCleanRemovesIt(t *testing.T) {
	engine(t)
	l := newLeash(t)
	reports := t.TempDir()
	c := start(t, []string{"DOCKER_HOST=unix://" + l.Addr().String()}, "run", "--env", "container", "--reports", reports, "nothing-happens")
	c.await(t, "wait for 10 orders")
	l.cut()
	require.NoError(t, c.Process.Signal(os.Interrupt))
	began := time.Now()
	require.Equal(t, exitUnknown, c.code(t), "%s", c.all.String())
	require.Less(t, time.Since(began), mostCleaning)
	runs, err := os.ReadDir(reports)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	run := runs[0].Name()
	require.Contains(t, c.all.String(), "halfopen clean removes what is left")
	require.Contains(t, c.all.String(), "containers and a network labelled halfopen.run="+run+" are left")
	left, err := container.Left(context.WithoutCancel(t.Context()), run)
	require.NoError(t, err)
	require.NotEmpty(t, left)
	clean := start(t, nil, "clean")
	clean.await(t, run+": removed its containers and network")
	require.Equal(t, exitKept, clean.code(t))
	left, err = container.Left(context.WithoutCancel(t.Context()), run)
	require.NoError(t, err)
	require.Empty(t, left)
}
