package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
)

// A child is one part, running or ended.
type child struct {
	run    string
	part   env.Part
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended and all it printed is recorded
	hurry  chan struct{} // closed when what it has started shall not be waited for
	ledger *env.Ledger

	mu     sync.Mutex
	wanted bool // its end was asked for
	rushed sync.Once
}

// spawn starts a part with its files in dir.
func spawn(cfg env.Config, p env.Part, dir string) (*child, error) {
	if err := writeFiles(dir, p.Files); err != nil {
		return nil, err
	}
	argv := slices.Clone(p.Command)
	if len(argv) == 0 {
		argv = append([]string{cfg.Binary}, p.Role...)
	}
	for i := range argv {
		argv[i] = strings.ReplaceAll(argv[i], env.FilesDir, dir)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(cleanEnv(os.Environ()), append(p.Env, env.Mark(cfg.Run, p)...)...)
	if len(p.Command) > 0 {
		cmd.Dir = p.Dir
	}
	cmd.SysProcAttr = attributes()
	c := &child{run: cfg.Run, part: p, cmd: cmd, done: make(chan struct{}), hurry: make(chan struct{}), ledger: cfg.Ledger}
	if err := c.start(cfg.Record); err != nil {
		return nil, fmt.Errorf("%s: %w", argv[0], err)
	}
	return c, nil
}

// start runs the command with both of its streams recorded, and watches for its end.
func (c *child) start(record *history.Recorder) error {
	var streams sync.WaitGroup
	var ours, theirs []*os.File
	for _, stream := range []string{"stdout", "stderr"} {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		ours, theirs = append(ours, r), append(theirs, w)
		streams.Go(func() {
			defer r.Close()
			env.RecordLines(r, c.part, stream, record.Record)
		})
	}
	c.cmd.Stdout, c.cmd.Stderr = theirs[0], theirs[1]
	err := startOnKeptThread(c.cmd)
	for _, w := range theirs {
		w.Close()
	}
	if err != nil {
		return err
	}
	c.ledger.Add(c.cmd.Process.Pid)
	go func() {
		err := c.cmd.Wait()
		c.outlive()
		c.endGroup()
		at := record.Now()
		unheard := time.AfterFunc(lastWords, func() { // somebody who is left still holds a stream
			for _, r := range ours {
				r.SetReadDeadline(time.Now())
			}
		})
		streams.Wait()
		unheard.Stop()
		c.mu.Lock()
		e := exited(c.part, how(err), strconv.FormatBool(c.wanted))
		c.mu.Unlock()
		e.At = at
		record.Record(e)
		c.ledger.Remove(c.cmd.Process.Pid)
		close(c.done)
	}()
	return nil
}

// signal ends, pauses or continues the child with all of its group.
func (c *child) signal(ctx context.Context, s env.Signal) error {
	switch s {
	case env.Pause:
		return c.toGroup(syscall.SIGSTOP)
	case env.Continue:
		return c.toGroup(syscall.SIGCONT)
	}
	c.mu.Lock()
	c.wanted = true
	c.mu.Unlock()
	if s == env.Term {
		if err := c.toGroup(syscall.SIGTERM); err != nil {
			return err
		}
		c.toGroup(syscall.SIGCONT) // a paused process would never hear of it
		select {
		case <-c.done:
			return nil
		case <-ctx.Done():
		case <-time.After(env.TermGrace):
		}
	}
	c.kill()
	return nil
}

// kill ends the child at once and waits until it is gone.
func (c *child) kill() {
	c.mu.Lock()
	c.wanted = true
	c.mu.Unlock()
	c.rushed.Do(func() { close(c.hurry) })
	c.toGroup(syscall.SIGKILL)
	<-c.done
}

// outlive gives what the child has started a while to end as well, where its end was asked for: a wrapper (sh,
// go run, npm) may be gone before the service that it wraps has answered its last request.
func (c *child) outlive() {
	c.mu.Lock()
	wanted := c.wanted
	c.mu.Unlock()
	if !wanted {
		return
	}
	const pause = 5 * time.Millisecond
	for waited := time.Duration(0); waited < groupGrace; waited += pause {
		if syscall.Kill(-c.cmd.Process.Pid, 0) != nil {
			return
		}
		select {
		case <-c.hurry:
			return
		case <-time.After(pause):
		}
	}
}

// groupGrace is how long the rest of a process group may outlive its leader after a SIGTERM that all of it got.
const groupGrace = 2 * time.Second

// endGroup ends what a child has left behind: in its process group, and of somebody's own program outside of it too.
func (c *child) endGroup() {
	syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	if len(c.part.Command) > 0 {
		env.KillStrays(env.Mark(c.run, c.part)...)
	}
}

// lastWords is how long the output of a child that has ended is still listened to.
const lastWords = time.Second

// toGroup signals the child's process group; one that has ended already is no error.
func (c *child) toGroup(s syscall.Signal) error {
	select {
	case <-c.done:
		return nil
	default:
	}
	err := syscall.Kill(-c.cmd.Process.Pid, s)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// how says an end as a shell would: exit 0, signal killed.
func how(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "exit 0"
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return "signal " + status.Signal().String()
		}
		return "exit " + strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}

func writeFiles(dir string, files []env.File) error {
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// cleanEnv drops what would point a child at another Dapr than ours.
func cleanEnv(environ []string) []string {
	var out []string
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "DAPR_") && !strings.HasPrefix(kv, "APP_") {
			out = append(out, kv)
		}
	}
	return out
}
