package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
)

// defaultEvery is a caller's pause between two orders.
const defaultEvery = time.Second

func newTryCommand() *cobra.Command {
	o := harness.Outage{Every: defaultEvery, Callers: 1}
	var run harness.Options
	var look looks
	cmd := &cobra.Command{
		Use:   "try SPEC [--target APP]",
		Short: "stop an app under a spec of yours, and see whether the promises are kept",
		Long: `Try plays the home story under your own spec and app ids: built-in apps call each other, the target is stopped and
comes back, and what happened is judged against the spec. The run's folder holds all of it, scenario and spec too:
"halfopen run" on that folder does it again.`,
		Example: `  halfopen try my-resiliency.yaml --target payments
  halfopen try my-resiliency.yaml --target payments --caller shop --stop 45s --env process`,
		Args: needs("a spec", "the path of a Resiliency spec"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("try one spec at a time, not %d", len(args))
			}
			if err := positive(cmd, "stop", o.Stop); err != nil {
				return err
			}
			if err := positive(cmd, "timeout", run.Timeout); err != nil {
				return err
			}
			look.settle(cmd)
			o.Spec = args[0]
			return try(cmd, o, run, look)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Target, "target", "", "the `app` id that is called and goes away; the only one that the spec names by default")
	f.StringVar(&o.Caller, "caller", "checkout", "the `app` id that calls; the spec's scopes may ask for another")
	f.DurationVar(&o.Stop, "stop", 0, "how long the target is away (default: long enough for the breaker to open and probe)")
	f.StringVar(&run.Env, "env", "auto", "where to run: auto | container | process")
	f.StringVar(&run.Reports, "reports", "reports", "the `folder` where the run lands")
	f.DurationVar(&run.Timeout, "timeout", 0, "give up after this long (default: what the plan allows)")
	look.flags(f)
	return cmd
}

// try writes the scenario where it lasts as long as the run, whose folder keeps it.
func try(cmd *cobra.Command, o harness.Outage, run harness.Options, look looks) error {
	d, err := o.Draft("")
	if err != nil {
		return err
	}
	above, err := os.MkdirTemp("", "halfopen-try-")
	if err != nil {
		return fmt.Errorf("make room for the scenario: %w", err)
	}
	defer os.RemoveAll(above)
	run.Scenario = filepath.Join(above, d.Name)
	if err := os.Mkdir(run.Scenario, 0o755); err != nil {
		return fmt.Errorf("make room for the scenario: %w", err)
	}
	for name, data := range map[string][]byte{"scenario.yaml": d.Scenario, "resiliency.yaml": d.Spec} {
		if err := writeNew(filepath.Join(run.Scenario, name), data); err != nil {
			return fmt.Errorf("write the scenario: %w", err)
		}
	}
	w := cmd.OutOrStdout()
	if !look.quiet {
		for _, note := range d.Notes {
			fmt.Fprintln(w, note)
		}
		fmt.Fprintln(w)
		if s, spec, err := harness.Load(run.Scenario); err == nil { // else the run itself tells
			tellWarnings(cmd.ErrOrStderr(), harness.TooShort(s, spec), o.Spec)
		}
	}
	var g gate
	dirs, err := g.play(cmd.Context(), cmd.ErrOrStderr(), run, look)
	if err != nil {
		return err
	}
	code, err := g.tellAll(w, dirs, look)
	if err != nil {
		return err
	}
	if !look.quiet {
		fmt.Fprintf(w, "again:  halfopen run %s\n", fromHere(dirs[0]))
	}
	if code != exitKept {
		return exitCode(code)
	}
	return nil
}

// positive refuses a duration that was given and is none.
func positive(cmd *cobra.Command, flag string, d time.Duration) error {
	if cmd.Flags().Changed(flag) && d <= 0 {
		return fmt.Errorf("--%s %s: want more than no time at all", flag, d)
	}
	return nil
}
