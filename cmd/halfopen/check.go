package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

func newCheckCommand() *cobra.Command {
	var look looks
	cmd := &cobra.Command{
		Use:     "check RUN...",
		Short:   "judge saved runs again, without starting anything",
		Long:    "Check reads a run's folder, judges it and writes its verdict and reports anew: the same folder gives the same bytes.",
		Example: "  halfopen check reports/stop-order-processor-20261124-101844-3f9a1c",
		Args:    needs("a run's folder", "they lie below reports/"),
		RunE: func(cmd *cobra.Command, args []string) error {
			look.settle(cmd)
			worst := exitKept
			for _, arg := range args {
				dir := findRun(arg)
				v, err := harness.Judge(dir)
				if err != nil {
					return fmt.Errorf("check %s: %w", dir, err)
				}
				if err := tell(cmd.OutOrStdout(), dir, look, 0); err != nil {
					return err
				}
				worst = worse(worst, v.Exit())
			}
			if worst != exitKept {
				return exitCode(worst)
			}
			return nil
		},
	}
	look.flags(cmd.Flags())
	return cmd
}

func newReportCommand() *cobra.Command {
	var look looks
	var form string
	cmd := &cobra.Command{
		Use:     "report RUN",
		Short:   "tell a saved run: on the terminal, or as html, junit, json or markdown",
		Example: "  halfopen report --format markdown reports/stop-order-processor-20261124-101844-3f9a1c",
		Args:    needs("a run's folder", "they lie below reports/"),
		RunE: func(cmd *cobra.Command, args []string) error {
			look.settle(cmd)
			if form == "terminal" {
				return tell(cmd.OutOrStdout(), findRun(args[0]), look, 0)
			}
			in, err := input(findRun(args[0]))
			if err != nil {
				return err
			}
			forms := map[string]func(report.Input) []byte{
				"html": report.HTML, "junit": report.JUnit, "markdown": report.Markdown,
				"json": func(in report.Input) []byte { return report.JSON(in.Verdict) },
			}
			if forms[form] == nil {
				return fmt.Errorf("format %q: want terminal, html, junit, json or markdown", form)
			}
			_, err = cmd.OutOrStdout().Write(forms[form](in))
			return err
		},
	}
	cmd.Flags().StringVar(&form, "format", "terminal", "terminal | html | junit | json | markdown")
	look.flags(cmd.Flags())
	return cmd
}

// input reads a run's folder and judges it.
func input(dir string) (report.Input, error) {
	c, err := harness.ReadCase(dir)
	if err != nil {
		return report.Input{}, err
	}
	return harness.ReportInput(dir, c, oracle.Judge(c))
}

// tell prints a run's story and verdict.
func tell(w io.Writer, dir string, look looks, took time.Duration) error {
	in, err := input(dir)
	if err != nil {
		return err
	}
	if look.quiet {
		_, err := fmt.Fprintf(w, "%s %s: %s\n", in.Verdict.Outcome, in.Verdict.Scenario, dir)
		return err
	}
	report.Terminal(w, in, report.TerminalOptions{Color: look.color, Width: look.width})
	_, err = fmt.Fprintf(w, "\nreport: %s\n", filepath.Join(fromHere(dir), "report.html"))
	return err
}

// fromHere writes a path as seen from the working folder, where that is shorter.
func fromHere(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
