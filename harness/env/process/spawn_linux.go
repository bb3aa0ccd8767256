package process

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// attributes put a child into a process group of its own and let it die with the harness, whatever ends that.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// keptThread starts processes one after the other on a thread that never ends: Linux sends Pdeathsig when the
// *thread* that forked ends, and Go ends threads as it likes.
var keptThread = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

func startOnKeptThread(cmd *exec.Cmd) error {
	started := make(chan error)
	keptThread() <- func() { started <- cmd.Start() }
	return <-started
}
