package container

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"

	"github.com/halfopen/halfopen/harness/env"
)

// A watchdog is a process that removes a run's containers when the harness is gone, whatever ended it: a panic in
// some goroutine, a SIGKILL. It knows by the end of its standard input. Containers don't die with their parent,
// as processes do.
type watchdog struct {
	cmd   *exec.Cmd
	leash io.WriteCloser
}

func startWatchdog(c env.Config) (*watchdog, error) {
	cmd := exec.Command(c.Binary, "reap", "--run", c.Run)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is not for it
	leash, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return &watchdog{cmd, leash}, nil
}

// end lets it go: by now there is nothing left to remove.
func (w *watchdog) end() {
	if w == nil {
		return
	}
	w.cmd.Process.Kill()
	w.cmd.Wait()
	w.leash.Close()
}
