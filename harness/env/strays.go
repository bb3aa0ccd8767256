package env

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Mark is what children bear in their environment: the run's id, and the part that they are of.
func Mark(run string, p Part) []string {
	return []string{"HALFOPEN_RUN=" + run, "HALFOPEN_PART=" + p.Service + "/" + p.Part}
}

// KillStrays kills what still bears all of a mark though its process group is gone: a daemon with a session of its
// own, or what a wrapper left that died with the harness. Where the system has no /proc (macOS) nothing is found.
func KillStrays(mark ...string) (killed []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil || !bears(environ, mark) {
			continue // gone meanwhile, or somebody else's
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if pid > 1 && pid != os.Getpid() && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed = append(killed, pid)
		}
	}
	return killed
}

func bears(environ []byte, mark []string) bool {
	vars := bytes.Split(environ, []byte{0})
	for _, m := range mark {
		if !slices.ContainsFunc(vars, func(v []byte) bool { return string(v) == m }) {
			return false
		}
	}
	return true
}
