package env_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/env"
)

func TestStraysAreKnownByTheWholeMark(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("skipped: " + err.Error())
	}
	app, sidecar := env.Part{Service: "stock", Part: "app"}, env.Part{Service: "stock", Part: "sidecar"}
	start := func(run string, p env.Part) *exec.Cmd {
		cmd := exec.Command("sleep", "600")
		cmd.Env = append(os.Environ(), env.Mark(run, p)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
		return cmd
	}
	mine, other, longer := start("strays-1", app), start("strays-1", sidecar), start("strays-10", app)

	require.Equal(t, []int{mine.Process.Pid}, env.KillStrays(env.Mark("strays-1", app)...))
	require.Error(t, mine.Wait())
	require.Equal(t, []int{other.Process.Pid}, env.KillStrays("HALFOPEN_RUN=strays-1"))
	require.Error(t, other.Wait())
	require.NoError(t, longer.Process.Signal(syscall.Signal(0)), "another run's lives on")
}

// What a wrapper has started outlives a harness that was killed: its wrapper died with the harness, and with it the
// pid by which the ledger knew it.
func TestCleaningFindsChildrenOfChildren(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("skipped: " + err.Error())
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, err := env.LedgerDir()
	require.NoError(t, err)
	orphan := exec.Command("sleep", "600")
	orphan.Env = append(os.Environ(), "HALFOPEN_RUN=strays-orphan")
	require.NoError(t, orphan.Start())
	t.Cleanup(func() { orphan.Process.Kill() })
	gone := `{"run":"strays-orphan","owner":{"pid":1,"started_ms":1},"children":[{"pid":1,"started_ms":1}]}`
	require.NoError(t, os.WriteFile(dir+"/strays-orphan.json", []byte(gone), 0o600))

	left, err := env.CleanProcesses(false)
	require.NoError(t, err)
	require.Equal(t, []env.Left{{Run: "strays-orphan", Children: []env.Process{{PID: orphan.Process.Pid}}}}, left)
	require.Error(t, orphan.Wait())
}
