package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/problem"
)

func newRunCommand() *cobra.Command {
	var o harness.Options
	var look looks
	var many manyFlags
	var g gate
	cmd := &cobra.Command{
		Use:   "run SCENARIO...",
		Short: "run scenarios and judge them",
		Long: `Run brings each scenario up, plays its timeline, judges what was recorded and writes a self-contained
folder below --reports. A SCENARIO is a folder, or the name of one below scenarios/; a folder of scenarios stands for
all of them.

Several runs go on at once, in waves of no more than the machine carries: none is loaded while another of its wave is
still brought up. Each is told in a line, and all in a table at the end and on a page beside them, index.html. The exit
code is the worst of all: 1 where any promise is broken, else 3 where anything could not be judged, else 0.`,
		Example: `  halfopen run scenarios/stop-order-processor
  halfopen run scenarios --shard 2/4 --fail-fast
  halfopen run stop-order-processor flapping --repeat 5 --parallel 4
  halfopen run stop-order-processor --env process
  halfopen run stop-order-processor --sidecar daprd --daprd ./daprd
  halfopen run stop-order-processor --sidecar-resiliency slower.yaml   # exits 1: a promise is broken
  halfopen run --baseline reports/baseline.json stop-order-processor   # exits 1 where it got worse, too`,
		Args: needs("a scenario", "halfopen list shows what is there"),
		RunE: func(cmd *cobra.Command, args []string) error {
			look.settle(cmd)
			if err := positive(cmd, "timeout", o.Timeout); err != nil {
				return err
			}
			if err := g.settle(); err != nil {
				return err
			}
			i, n, err := many.settle(cmd)
			if err != nil {
				return err
			}
			jobs, err := harness.Jobs(findScenarios(args), many.repeat, o)
			if err != nil {
				return err
			}
			all := len(jobs)
			if jobs = harness.Shard(jobs, i, n); len(jobs) == 0 {
				return fmt.Errorf("--shard %s: nothing is left for it of %d runs (at most as many shards as runs)", many.shard, all)
			}
			if !look.quiet {
				scenarios := each(jobs, func(j harness.Job) string { return j.Scenario })
				warn(cmd.ErrOrStderr(), scenarios)
				for _, dir := range scenarios {
					if s, spec, err := harness.Load(dir); err == nil { // else the run itself tells
						tellWarnings(cmd.ErrOrStderr(), harness.Warnings(s, spec), "")
					}
				}
			}
			g.asked = each(jobs, func(j harness.Job) string { return j.Name })
			if len(jobs) > 1 {
				return runMany(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), o, jobs, many, look, g)
			}
			o.Scenario = jobs[0].Scenario
			dirs, err := g.play(cmd.Context(), cmd.ErrOrStderr(), o, look)
			if err != nil {
				return err
			}
			code, err := g.tellAll(cmd.OutOrStdout(), dirs, look)
			if err != nil {
				return err
			}
			if err := inActions().publish(cmd.OutOrStdout(), dirs); err != nil {
				return err
			}
			if code != exitKept {
				return exitCode(code)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Env, "env", "auto", "where to run: auto | container | process")
	f.StringVar(&o.SidecarResiliency, "sidecar-resiliency", "", "a spec `file` for the sidecars other than the scenario's, which is judged against")
	f.StringVar(&o.Sidecar, "sidecar", "", "builtin | daprd (default: what the scenario says, and then builtin)")
	f.StringVar(&o.Daprd, "daprd", "", "a daprd: its `path`, its name on PATH, or in containers an image (default: what the scenario says, HALFOPEN_DAPRD, PATH, ~/.dapr/bin)")
	f.StringVar(&o.Reports, "reports", "reports", "the `folder` where runs land")
	f.DurationVar(&o.Timeout, "timeout", 0, "give up on a run after this long (default: what its plan allows)")
	many.flags(f)
	g.flags(f)
	g.baselineFlags(f)
	look.flags(f)
	return cmd
}

// tellWarnings tells before a run what of its input is probably not meant. file is the spec's, where people know it by
// another name.
func tellWarnings(w io.Writer, warnings problem.List, file string) {
	for _, p := range warnings {
		p.File = cmp.Or(file, p.File)
		fmt.Fprintf(w, "warning: %s\n", p)
	}
}

// each names what some jobs have each, once.
func each(jobs []harness.Job, of func(harness.Job) string) []string {
	var out []string
	for _, j := range jobs {
		if name := of(j); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// worse orders exit codes by what a gate must not overlook: a broken promise, then what could not be judged.
func worse(a, b int) int {
	rank := map[int]int{exitKept: 0, exitUnknown: 1, exitBroken: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// findScenario takes a folder as it is, or the name of one below scenarios/.
func findScenario(arg string) string { return find(arg, "scenarios") }

// findRun takes a run's folder as it is, or its name below reports/.
func findRun(arg string) string { return find(arg, "reports") }

// find takes a path as it is, or else as one below a folder; what is nowhere stays as it was asked for.
func find(arg, below string) string {
	for _, path := range []string{arg, filepath.Join(below, arg)} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
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
