package main

import (
	"errors"
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
	var told harness.Testimony
	cmd := &cobra.Command{
		Use:   "check RUN... | --logs FILE... | --timeline FILE",
		Short: "judge saved runs again, or logs from elsewhere, without starting anything",
		Long: `Check reads a run's folder, judges it and writes its verdict and reports anew: the same folder gives the same bytes.

With --logs it judges what sidecars printed elsewhere: under kubectl logs, under dapr run, in production. It reads
daprd's three forms and passes over all other lines. With --timeline it judges a run that was written down as lines of
seconds, source and text, where apps and driver speak too. Promises that they can't tell of are named, and never
counted as kept: 0 means that nothing told breaks a promise, and that something was judged.`,
		Example: `  halfopen check reports/stop-order-processor-20261124-101844-3f9a1c
  kubectl logs deploy/checkout -c daprd > daprd.log; halfopen check --logs daprd.log --resiliency resiliency.yaml
  halfopen check --timeline sidecar/testdata/recordings/c02/timeline.log --resiliency sidecar/testdata/recordings/c02/resiliency.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			look.settle(cmd)
			switch {
			case told.Timeline != "" && len(told.Logs) > 0:
				return errors.New("--logs and --timeline: one of them at a time")
			case told.Timeline != "" && len(args) > 0:
				return fmt.Errorf("check %s: one timeline at a time, and no runs beside it", args[0])
			case told.Timeline != "" || len(told.Logs) > 0:
				told.Logs = append(told.Logs, args...)
				return hear(cmd.OutOrStdout(), told, look)
			case told.Resiliency != "":
				return errors.New("--resiliency is for --logs and --timeline: a run has its own")
			case len(args) == 0:
				return needs("a run's folder, --logs FILE or --timeline FILE", "runs lie below reports/")(cmd, args)
			}
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
	f := cmd.Flags()
	f.StringArrayVar(&told.Logs, "logs", nil, "a file of a sidecar's log; further files may follow")
	f.StringVar(&told.Timeline, "timeline", "", "a file of lines of seconds, source and text")
	f.StringVar(&told.Resiliency, "resiliency", "", "the spec that the calling sidecar had; none by default")
	f.StringVar(&told.Caller, "caller", "checkout", "the app whose sidecar calls; lines that name no app are its sidecar's")
	f.StringVar(&told.Target, "target", "order-processor", "the app that is called")
	look.flags(f)
	return cmd
}

// hear judges logs from elsewhere.
func hear(w io.Writer, told harness.Testimony, look looks) error {
	v, err := harness.Hear(told)
	if err != nil {
		return err
	}
	if look.quiet {
		fmt.Fprintf(w, "%s %s: %s\n", v.Outcome, v.Scenario, report.HeardOutcome(v))
	} else {
		report.Heard(w, v, report.TerminalOptions{Color: look.color, Width: look.width})
	}
	if code := v.Exit(); code != exitKept {
		return exitCode(code)
	}
	return nil
}

func newReportCommand() *cobra.Command {
	var look looks
	var form, index string
	cmd := &cobra.Command{
		Use:   "report RUN | --index DIR",
		Short: "tell a saved run: on the terminal, or as html, junit, json or markdown",
		Long: `Report tells a saved run in one of several forms. With --index it writes a page over all runs below a folder, the
worst first. The formats json-schema and history-schema need no run: they print what verdict.json and each line of
history.jsonl look like.`,
		Example: `  halfopen report --format markdown reports/stop-order-processor-20261124-101844-3f9a1c
  halfopen report --index reports`,
		RunE: func(cmd *cobra.Command, args []string) error {
			look.settle(cmd)
			out := cmd.OutOrStdout()
			if schema := map[string][]byte{"json-schema": report.VerdictSchema, "history-schema": report.HistorySchema}[form]; schema != nil {
				_, err := out.Write(schema)
				return err
			}
			if index != "" {
				if len(args) > 0 {
					return fmt.Errorf("report --index %s: it takes all runs of the folder, and no runs beside it", index)
				}
				path, err := harness.Index(index)
				if err != nil {
					return fmt.Errorf("report --index: %w", err)
				}
				_, err = fmt.Fprintln(out, "index: "+fromHere(path))
				return err
			}
			if len(args) != 1 {
				return needs("a run's folder", "they lie below reports/")(cmd, args[:0])
			}
			return writeReport(out, findRun(args[0]), form, look)
		},
	}
	cmd.Flags().StringVar(&form, "format", "terminal", "terminal | html | junit | json | markdown | json-schema | history-schema")
	cmd.Flags().StringVar(&index, "index", "", "write index.html over all runs below this `folder`")
	look.flags(cmd.Flags())
	return cmd
}

// writeReport tells one run in one form.
func writeReport(out io.Writer, dir, form string, look looks) error {
	if form == "terminal" {
		return tell(out, dir, look, 0)
	}
	forms := map[string]func(report.Input) []byte{
		"html": report.HTML, "junit": report.JUnit, "markdown": report.Markdown,
		"json": func(in report.Input) []byte { return report.JSON(in.Verdict) },
	}
	if forms[form] == nil {
		return fmt.Errorf("format %q: want terminal, html, junit, json, markdown, json-schema or history-schema", form)
	}
	in, err := input(dir)
	if err != nil {
		return err
	}
	_, err = out.Write(forms[form](in))
	return err
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
