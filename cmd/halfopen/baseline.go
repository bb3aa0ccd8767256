package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/baseline"
	"github.com/halfopen/halfopen/harness/oracle"
)

func newBaselineCommand() *cobra.Command {
	file := ""
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "accept what runs showed, and hold later runs against it",
		Long: `A baseline keeps what runs showed when somebody accepted them: recovery, time to trip, amplification, refused orders
and latency, by scenario and environment, a line a run. halfopen run --baseline holds new runs against it.
docs/gate.md tells what counts as worse.`,
		Example: `  halfopen baseline update reports/stop-order-processor-*
  halfopen baseline show
  halfopen run --baseline reports/baseline.json stop-order-processor`,
	}
	cmd.PersistentFlags().StringVar(&file, "baseline", filepath.Join("reports", "baseline.json"), "the baseline's `file`")
	cmd.AddCommand(newBaselineUpdateCommand(&file), newBaselineShowCommand(&file), newBaselineCheckCommand(&file))
	return cmd
}

func newBaselineUpdateCommand(file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "update RUN...",
		Short: "accept what these runs showed, in the place of what was accepted for their scenarios and environments",
		Long: `Update takes the figures of saved runs, 10 of a scenario say, and writes them into the baseline. What was accepted before
for the same scenario and environment goes; the rest stays. Only runs that pass are accepted. A folder of runs stands
for all of them.`,
		Example: "  halfopen baseline update reports/stop-order-processor-*",
		Args:    needs("the runs to accept", "they lie below reports/"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dirs, err := findRuns(args)
			if err != nil {
				return err
			}
			b, err := harness.ReadBaseline(*file)
			if err != nil {
				if _, serr := os.Stat(*file); !errors.Is(serr, fs.ErrNotExist) {
					return err
				}
				b = baseline.Baseline{}
			}
			if err := harness.Accept(&b, dirs); err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(*file), 0o755); err != nil {
				return fmt.Errorf("write the baseline: %w", err)
			}
			if err := os.WriteFile(*file, b.Write(), 0o644); err != nil {
				return fmt.Errorf("write the baseline: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d runs accepted: %s\n", len(dirs), *file)
			return err
		},
	}
}

func newBaselineShowCommand(file *string) *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "print what was accepted",
		Example: "  halfopen baseline show --baseline reports/baseline.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := harness.ReadBaseline(*file)
			if err != nil {
				return err
			}
			return showBaseline(cmd.OutOrStdout(), b)
		},
	}
}

func showBaseline(w io.Writer, b baseline.Baseline) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, a := range b.Scenarios {
		again := "too few to tell a worsening from chance: accept 10"
		if n := a.Needed(a.Family()); n > 0 {
			again = fmt.Sprintf("%d that are all worse tell it from chance", n)
		}
		fmt.Fprintf(out, "%s, %d accepted; %s\n", a.Key, len(a.Runs), again)
		for _, s := range a.Spreads() {
			fmt.Fprintf(out, "  %s\t%s\n", s.Figure, s.Accepted.In(s.Unit))
		}
	}
	return out.Flush()
}

func newBaselineCheckCommand(file *string) *cobra.Command {
	var look looks
	var g gate
	cmd := &cobra.Command{
		Use:   "check RUN...",
		Short: "hold saved runs against what was accepted",
		Long: `Check compares saved runs, several of a scenario where there are, and judges each anew with the comparison as one more
check: 1 where a figure is worse than accepted, 3 where the runs can't tell.`,
		Example: "  halfopen baseline check reports/stop-order-processor-*",
		Args:    needs("the runs to compare", "they lie below reports/"),
		RunE: func(cmd *cobra.Command, args []string) error {
			look.settle(cmd)
			g.file = *file
			g.again = 1
			if err := g.settle(); err != nil {
				return err
			}
			dirs, err := findRuns(args)
			if err != nil {
				return err
			}
			held, err := harness.Compare(g.accepted, dirs, 0)
			if err != nil {
				return err
			}
			worst := exitKept
			for _, c := range held {
				if !look.quiet {
					if err := showComparison(cmd.OutOrStdout(), c); err != nil {
						return err
					}
				}
				brief := look
				brief.quiet = true
				code, err := g.tellAll(cmd.OutOrStdout(), c.Dirs, brief)
				if err != nil {
					return err
				}
				worst = worse(worst, code)
			}
			if err := inActions().publish(cmd.OutOrStdout(), dirs); err != nil {
				return err
			}
			if worst != exitKept {
				return exitCode(worst)
			}
			return nil
		},
	}
	g.flags(cmd.Flags())
	look.flags(cmd.Flags())
	return cmd
}

func showComparison(w io.Writer, c harness.Compared) error {
	r, differences := c.Comparison.Judge()
	fmt.Fprintf(w, "%s: %s\n", c.Key, map[oracle.Outcome]string{
		oracle.Pass: "no worse than accepted", oracle.Fail: "worse than accepted", oracle.Unknown: "can't be told: " + r.Why,
	}[r.Outcome])
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, d := range differences {
		mark := map[oracle.Outcome]string{oracle.Pass: "✓", oracle.Fail: "✗", oracle.Unknown: "?"}[d.Outcome]
		fmt.Fprintf(out, "  %s %s\t%s now\t%s accepted\tp = %.2g\n", mark, d.Figure, d.Now.In(d.Unit), d.Accepted.In(d.Unit), d.P)
	}
	return out.Flush()
}

// findRuns gives each argument's run; for a folder of runs, all of them.
func findRuns(args []string) ([]string, error) {
	paths := make([]string, len(args))
	for i, arg := range args {
		paths[i] = findRun(arg)
	}
	return harness.Runs(paths...)
}
