package process_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/env/envtest"
	"github.com/halfopen/halfopen/harness/env/process"
)

func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("drives real processes")
	}
	envtest.Run(t, envtest.Environment{Start: process.Start, Left: left})
}

// left lists the processes that carry a run's id in their environment or arguments.
func left(t testing.TB, run string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	var out []string
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(environ), "HALFOPEN_RUN="+run) {
			out = append(out, fmt.Sprintf("process %s", filepath.Base(filepath.Dir(file))))
		}
	}
	return out
}
