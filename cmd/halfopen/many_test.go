package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/harnesstest"
)

func TestSeveralRunsAreALineEachAndATable(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	c := start(t, nil, "run", "--env", "process", "--reports", t.TempDir(), "--repeat", "2", "--parallel", "99", "fails-n-then-succeeds")
	require.Contains(t, []int{exitKept, exitUnknown}, c.code(t), "%s", c.all.String()) // unknown where the machine is too busy
	for _, want := range []string{"--parallel 99: this machine carries ", "2 runs in process environment, at most 2 at once", "fails-n-then-succeeds #2", "gap error", "2 runs in "} {
		require.Contains(t, c.all.String(), want)
	}
}

func TestWhatIsAnnouncedOfManyRunsIsTrue(t *testing.T) {
	free := []harness.Job{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	same := []harness.Job{{Name: "a", Claims: "127.0.0.1:8080"}, {Name: "a", Claims: "127.0.0.1:8080"}}
	for want, all := range map[string]harness.Many{
		"3 runs in process environment, at most 3 at once":                                                           {Jobs: free, AtOnce: 16},
		"3 runs in process environment, at most 2 at once":                                                           {Jobs: free, AtOnce: 2},
		"3 runs in process environment, one at a time":                                                               {Jobs: free, AtOnce: 1},
		"2 runs in process environment, one at a time (those that listen on 127.0.0.1:8080 wait for each other)":     {Jobs: same, AtOnce: 16},
		"5 runs in process environment, at most 4 at once (those that listen on 127.0.0.1:8080 wait for each other)": {Jobs: append(free, same...), AtOnce: 16},
	} {
		require.Equal(t, want, announce(all, "process"))
	}
}

// As docs/your-own-services.md says: a service that listens on all addresses, whatever it is told, says where it is
// reached, and runs of it wait for each other.
func TestRunsOfAServiceOnAllAddressesWaitForEachOther(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	l, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	dir := filepath.Join(t.TempDir(), "everywhere")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "scenario.yaml"), fmt.Appendf(nil, `name: everywhere
why: a service that can't be told where to listen
services:
  payments: { command: [%s, app, order-processor], port: %d, host: 127.0.0.1, env: { APP_HOST: 0.0.0.0 } }
  web: { app: checkout, sends: { to: payments, every: 100ms } }
timeline:
  - wait: { orders: 3 }
`, harnesstest.Binary(t), port), 0o644))
	c := start(t, nil, "run", "--env", "process", "--reports", t.TempDir(), "--repeat", "3", dir)
	require.Contains(t, []int{exitKept, exitUnknown}, c.code(t), "%s", c.all.String()) // unknown where the machine is too busy
	require.Contains(t, c.all.String(), fmt.Sprintf("3 runs in process environment, one at a time (those that listen on 127.0.0.1:%d wait for each other)", port))
}
