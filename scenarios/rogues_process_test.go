package scenarios

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/harnesstest"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/scenarios/rogue"
)

// sample are rogues that are played in processes too: one a group of promises, and of each group one that a busy
// machine can't excuse.
var sample = []rogue.Knob{
	rogue.GapTooShort, rogue.OneRetryTooMany, rogue.SaysRetryingEachTime, rogue.TimeoutTooEarly, rogue.TripsLate,
	rogue.OpenTooShort, rogue.TwoProbes, rogue.ClosesEarly, rogue.DefaultsIgnored, rogue.LosesOrder, rogue.WakesLate,
}

// No program has the rogue in it, so this test's own program plays it then, under the name rogue-KNOB.
const roguePrefix = "rogue-"

// playRole plays a rogue, where this program was started as one.
func playRole() (played bool, err error) {
	knob, ok := strings.CutPrefix(filepath.Base(os.Args[0]), roguePrefix)
	if !ok || len(os.Args) < 2 {
		return false, nil
	}
	args := readArgs(os.Args[1:])
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	c := rogue.Config{Knob: rogue.Knob(knob), Args: os.Args[2:], Dial: (&net.Dialer{}).DialContext, Out: os.Stdout}
	c.Listen = func(ctx context.Context, addr string) (net.Listener, error) {
		return (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	}
	if dir := args.text("resources-path"); dir != "" {
		files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		if err != nil {
			return true, err
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return true, err
			}
			c.Resources = append(c.Resources, text)
		}
	}
	return true, rogue.Run(ctx, c)
}

// disguised is a program that runs one service's sidecar as a rogue and is an honest halfopen otherwise. It is a
// script, since this test's program takes long to start.
func disguised(t *testing.T, knob rogue.Knob, service string) (program string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	name := filepath.Join(dir, roguePrefix+string(knob))
	require.NoError(t, os.Symlink(self, name))
	program = filepath.Join(dir, "halfopen")
	script := fmt.Sprintf("#!/bin/sh\ncase \"$1 $2 $3\" in\n'sidecar --app-id %s') exec '%s' \"$@\" ;;\nesac\nexec '%s' \"$@\"\n", service, name, harnesstest.Binary(t))
	require.NoError(t, os.WriteFile(program, []byte(script), 0o755))
	return program
}

// inFolder writes a setting's files where the harness finds them.
func (s setting) inFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "rogue")
	require.NoError(t, os.Mkdir(dir, 0o755))
	scenarioFile, specFile := s.text()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "scenario.yaml"), []byte(scenarioFile), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "resiliency.yaml"), []byte(specFile), 0o644))
	return dir
}

func TestRoguesAreCaughtInProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes for about half a minute")
	}
	// It goes on alone: a dozen runs that start at once would make the machine late for those that must pass.
	var stage harness.Stage
	for _, knob := range append([]rogue.Knob{rogue.Honest}, sample...) {
		played := row{knob: rogue.Honest, setting: "a_breaker_as_long_as_the_gap"}
		name := "honest"
		if knob != rogue.Honest {
			played = rogues[slices.IndexFunc(rogues, func(r row) bool { return r.knob == knob })]
			name = string(knob)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, err := harness.Play(t.Context(), harness.Options{
				Scenario: settings[played.setting].inFolder(t), Env: "process", Binary: disguised(t, knob, played.service()),
				Reports: t.TempDir(), Stage: &stage,
			})
			require.NoError(t, err)
			if knob == rogue.Honest {
				require.NotEqual(t, oracle.Fail, run.Verdict.Outcome, "%s", harnesstest.Story(run))
				return // on a busy machine it may be unknown
			}
			if _, caught := played.caught(run.Verdict); !caught {
				t.Fatalf("want %s to say %q\n%s", played.check, played.says, harnesstest.Story(run))
			}
		})
	}
}
