package scenarios

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// busyRole makes this program do nothing but work, until its standard input ends.
const busyRole = "HALFOPEN_BUSY"

// busy keeps every core at work until the test ends. It is done by processes of their own: work within this one
// would be taken turns with by Go's own scheduler, and make the harness late instead of the machine.
func busy(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	for range runtime.NumCPU() {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), busyRole+"=1", "GOMAXPROCS=2") // one to work, one to notice the end
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			in.Close()
			cmd.Wait()
		})
	}
}

// playBusy works where this program is a busy one; false where it is not.
func playBusy() bool {
	if os.Getenv(busyRole) == "" {
		return false
	}
	go func() {
		for n := uint64(1); ; n = n*6364136223846793005 + 1442695040888963407 {
			if n == 0 {
				runtime.Gosched()
			}
		}
	}()
	io.Copy(io.Discard, os.Stdin) // ends with who started it, however that ends
	return true
}
