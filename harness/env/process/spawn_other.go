//go:build !linux

package process

import (
	"os/exec"
	"syscall"
)

// attributes put a child into a process group of its own.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func startOnKeptThread(cmd *exec.Cmd) error { return cmd.Start() }
