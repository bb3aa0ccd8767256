package early

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyWhatNobodyWritesIsGivenBack(t *testing.T) {
	const maps = `00400000-00f22000 r-xp 00000000 08:01 42 /bin/halfopen
00f22000-01c01000 r--p 00b22000 08:01 42 /bin/halfopen
01c01000-01c8a000 rw-p 01801000 08:01 42 /bin/halfopen
240660800000-240661400000 rw-p 00000000 00:00 0
7ffd3a5f2000-7ffd3a613000 r--p 00000000 08:01 43 /lib/libc.so
`
	require.Equal(t, []mapping{{0x400000, 0xf22000}, {0xf22000, 0x1c01000}}, readOnly(strings.NewReader(maps), "/bin/halfopen"))
}

// The program goes on with all that it had, and holds less of its own file.
func TestSettledItHoldsLess(t *testing.T) {
	before := residentOfFiles(t)
	require.NoError(t, Settle())
	require.Less(t, residentOfFiles(t), before)
}

func residentOfFiles(t *testing.T) (kB int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(status), "RssFile:")
	if !found {
		t.Skip("skipped: this kernel doesn't tell what of a file is resident")
	}
	kB, err = strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kB
}
