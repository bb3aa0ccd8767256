package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
)

func newRunCommand() *cobra.Command {
	var o harness.Options
	var look looks
	cmd := &cobra.Command{
		Use:   "run SCENARIO...",
		Short: "run scenarios and judge them",
		Long: `Run brings each scenario up, plays its timeline, judges what was recorded and writes a self-contained
folder below --reports. A SCENARIO is a folder, or the name of one below scenarios/.`,
		Example: `  halfopen run scenarios/stop-order-processor
  halfopen run stop-order-processor --env process
  halfopen run stop-order-processor --sidecar daprd --daprd ./daprd
  halfopen run stop-order-processor --sidecar-resiliency slower.yaml   # exits 1: a promise is broken`,
		Args: needs("a scenario", "halfopen list shows what is there"),
		RunE: func(cmd *cobra.Command, args []string) error {
			look.settle(cmd)
			if cmd.Flags().Changed("timeout") && o.Timeout <= 0 {
				return fmt.Errorf("--timeout %s: want more than no time at all", o.Timeout)
			}
			worst := exitKept
			for _, arg := range args {
				o.Scenario = findScenario(arg)
				code, err := runOne(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o, look)
				if err != nil {
					return err
				}
				worst = worse(worst, code)
			}
			if worst != exitKept {
				return exitCode(worst)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Env, "env", "auto", "where to run: auto | container | process")
	f.StringVar(&o.SidecarResiliency, "sidecar-resiliency", "", "a spec `file` for the sidecars other than the scenario's, which is judged against")
	f.StringVar(&o.Sidecar, "sidecar", "", "builtin | daprd (default: what the scenario says, and then builtin)")
	f.StringVar(&o.Daprd, "daprd", "", "a daprd: its `path`, its name on PATH, or in containers an image (default: HALFOPEN_DAPRD, PATH, ~/.dapr/bin)")
	f.StringVar(&o.Reports, "reports", "reports", "the `folder` where runs land")
	f.DurationVar(&o.Timeout, "timeout", 0, "give up after this long (default: what the plan allows)")
	look.flags(f)
	return cmd
}

// worse orders exit codes by what a gate must not overlook: a broken promise, then what could not be judged.
func worse(a, b int) int {
	rank := map[int]int{exitKept: 0, exitUnknown: 1, exitBroken: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// runOne runs one scenario and tells its verdict.
func runOne(ctx context.Context, out, errs io.Writer, o harness.Options, look looks) (int, error) {
	live := newLive(errs, look)
	o.Watch = live.show
	started := time.Now()
	r, err := harness.Play(ctx, o)
	live.end()
	if r == nil {
		var notStarted harness.NotStarted
		if errors.As(err, &notStarted) {
			return 0, err
		}
		return 0, unjudged{err}
	}
	if terr := tell(out, r.Dir, look, time.Since(started)); terr != nil {
		return 0, terr
	}
	if err != nil {
		fmt.Fprintln(errs, "halfopen: "+err.Error())
	}
	return r.Verdict.Exit(), nil
}

// findScenario takes a folder as it is, or the name of one below scenarios/.
func findScenario(arg string) string {
	if _, err := os.Stat(arg); err == nil {
		return arg
	}
	named := filepath.Join("scenarios", arg)
	if _, err := os.Stat(named); err == nil {
		return named
	}
	return arg
}

// findRun takes a run's folder as it is, or its name below reports/.
func findRun(arg string) string {
	if _, err := os.Stat(arg); err == nil {
		return arg
	}
	named := filepath.Join("reports", arg)
	if _, err := os.Stat(named); err == nil {
		return named
	}
	return arg
}

// needs asks for one argument at least, in words that help.
func needs(what, hint string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s what? name %s (%s)", cmd.Name(), what, hint)
		}
		return nil
	}
}
