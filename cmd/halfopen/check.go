package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/report"
)

func newCheckCommand() *cobra.Command {
	var look looks
	var told harness.Testimony
	var g gate
	cmd := &cobra.Command{
		Use:   "check RUN... | --logs FILE... | --timeline FILE",
		Short: "judge saved runs again, or logs from elsewhere, without starting anything",
		Long: `Check reads a run's folder, judges it and writes its verdict and reports anew: the same folder gives the same bytes.
A folder of runs stands for all of them.

With --logs it judges what sidecars printed elsewhere: under kubectl logs, under dapr run, in production. It reads
daprd's three forms and passes over all other lines. With --timeline it judges a run that was written down as lines of
seconds, source and text, where apps and driver speak too. Promises that they can't tell of are named, and never
counted as kept: 0 means that nothing told breaks a promise, and that something was judged.`,
		Example: `  halfopen check reports/stop-order-processor-20261124-101844-3f9a1c
  kubectl logs deploy/checkout -c daprd > daprd.log; halfopen check --logs daprd.log --resiliency resiliency.yaml
  halfopen check --timeline sidecar/testdata/recordings/c02/timeline.log --resiliency sidecar/testdata/recordings/c02/resiliency.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			look.settle(cmd)
			heard := told.Timeline != "" || len(told.Logs) > 0
			wrong := misused(cmd, told, args)
			if err := g.settle(); err != nil {
				wrong = append(wrong, onCommandLine("", err.Error(), ""))
			}
			switch {
			case heard:
				if told.Timeline == "" {
					told.Logs = append(told.Logs, args...)
				}
				return hear(cmd.OutOrStdout(), told, look, g, wrong)
			case len(args) == 0 && len(wrong) > 0:
				return wrong
			case len(args) == 0:
				return needs("a run's folder, --logs FILE or --timeline FILE", "runs lie below reports/")(cmd, args)
			}
			dirs, err := findRuns(args)
			if err = alsoWrong(wrong, err); err != nil {
				return err
			}
			for _, dir := range dirs {
				if _, err := harness.Judge(dir); err != nil {
					return fmt.Errorf("check %s: %w", dir, err)
				}
			}
			worst, err := g.tellAll(cmd.OutOrStdout(), dirs, look)
			if err != nil {
				return err
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
	f := cmd.Flags()
	f.StringArrayVar(&told.Logs, "logs", nil, "a file of a sidecar's log; further files may follow")
	f.StringVar(&told.Timeline, "timeline", "", "a file of lines of seconds, source and text")
	f.StringVar(&told.Resiliency, "resiliency", "", "the spec that the calling sidecar had; none by default")
	f.StringVar(&told.Caller, "caller", "checkout", "the app whose sidecar calls; lines that name no app are its sidecar's")
	f.StringVar(&told.Target, "target", "order-processor", "the app that is called")
	g.flags(f)
	look.flags(f)
	return cmd
}

// misused finds flags that don't go together.
func misused(cmd *cobra.Command, told harness.Testimony, args []string) (out problem.List) {
	heard := told.Timeline != "" || len(told.Logs) > 0
	if told.Timeline != "" && len(told.Logs) > 0 {
		out = append(out, onCommandLine("--timeline", "stands beside --logs: one of them at a time", "a timeline holds the lines of sidecars, too"))
	}
	if told.Timeline != "" && len(args) > 0 {
		out = append(out, onCommandLine(args[0], "one timeline at a time, and no runs beside it", ""))
	}
	for _, flag := range []string{"resiliency", "caller", "target"} {
		if !heard && cmd.Flags().Changed(flag) {
			out = append(out, onCommandLine("--"+flag, "is for --logs and --timeline: a run has its own", "leave it out"))
		}
	}
	for _, app := range []struct{ flag, id string }{{"--caller", told.Caller}, {"--target", told.Target}} {
		if app.id == "" {
			out = append(out, onCommandLine(app.flag, "is empty", app.flag+" APP: an app id; leave it out for the quickstart's"))
		}
	}
	if slices.Contains(told.Logs, "") {
		out = append(out, onCommandLine("--logs", "names no file", "--logs FILE"))
	}
	return out
}

// onCommandLine is a problem with what was given to halfopen itself.
func onCommandLine(field, what, hint string) problem.Problem {
	return problem.Problem{File: "command line", Field: field, What: what, Hint: hint}
}

// alsoWrong adds what is wrong with the input to what is wrong with the command line.
func alsoWrong(wrong problem.List, err error) error {
	var more problem.List
	if err != nil && !errors.As(err, &more) && len(wrong) == 0 {
		return err
	}
	return append(wrong, more...).Err()
}

// hear judges logs from elsewhere.
func hear(w io.Writer, told harness.Testimony, look looks, g gate, wrong problem.List) error {
	told.Logs = slices.DeleteFunc(told.Logs, func(name string) bool { return name == "" }) // that has been told
	v, err := harness.Hear(told)
	if err = alsoWrong(wrong, err); err != nil {
		return err
	}
	if look.quiet {
		fmt.Fprintf(w, "%s %s: %s\n", v.Outcome, v.Scenario, report.HeardOutcome(v))
	} else {
		report.Heard(w, v, report.TerminalOptions{Color: look.color, Width: look.width})
	}
	if code := v.ExitOn(g.failOn); code != exitKept {
		return exitCode(code)
	}
	return nil
}

func newReportCommand() *cobra.Command {
	var look looks
	var form, index string
	cmd := &cobra.Command{
		Use:   "report RUN... | --index DIR",
		Short: "tell a saved run: on the terminal, or as html, junit, json, markdown or openmetrics",
		Long: `Report tells a saved run in another form. As markdown and as openmetrics it tells several at once: on one page that fits
a CI run's summary, and as series of figures, a series a run. With --index it writes a page over all runs below a folder,
the worst first. The formats json-schema and history-schema need no run: they print what verdict.json and each line of
history.jsonl look like.`,
		Example: `  halfopen report --format markdown reports/stop-order-processor-20261124-101844-3f9a1c
  halfopen report --format openmetrics reports/stop-order-processor-* > figures.txt
  halfopen report --index reports`,
		RunE: func(cmd *cobra.Command, args []string) error {
			look.settle(cmd)
			schema := map[string][]byte{"json-schema": report.VerdictSchema, "history-schema": report.HistorySchema}[form]
			switch {
			case schema != nil:
				_, err := cmd.OutOrStdout().Write(schema)
				return err
			case index != "":
				return writeIndex(cmd.OutOrStdout(), index, args)
			case len(args) == 0:
				return needs("a run's folder", "they lie below reports/")(cmd, args)
			}
			return writeReport(cmd.OutOrStdout(), args, form, look)
		},
	}
	cmd.Flags().StringVar(&form, "format", "terminal", "terminal | html | junit | json | markdown | openmetrics | json-schema | history-schema")
	cmd.Flags().StringVar(&index, "index", "", "write index.html over all runs below this `folder`")
	look.flags(cmd.Flags())
	return cmd
}

// writeIndex writes a page over the runs below a folder.
func writeIndex(out io.Writer, folder string, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("report --index %s: it takes all runs of the folder, and no runs beside it", folder)
	}
	path, err := harness.Index(folder)
	if err != nil {
		return fmt.Errorf("report --index: %w", err)
	}
	_, err = fmt.Fprintln(out, "index: "+fromHere(path))
	return err
}

// writeReport tells runs in one form: all of them at once where the form can, else one.
func writeReport(out io.Writer, args []string, form string, look looks) error {
	one := map[string]func(report.Input) []byte{
		"terminal": nil, "html": report.HTML, "junit": report.JUnit,
		"json": func(in report.Input) []byte { return report.JSON(in.Verdict) },
	}
	many := map[string]func([]report.Input) []byte{
		"markdown":    func(ins []report.Input) []byte { return report.Summary(ins, mostSummaryBytes) },
		"openmetrics": report.OpenMetrics,
	}
	tellOne, single := one[form]
	if !single && many[form] == nil {
		return fmt.Errorf("format %q: want terminal, html, junit, json, markdown, openmetrics, json-schema or history-schema", form)
	}
	dirs, err := findRuns(args)
	switch {
	case err != nil:
		return err
	case single && len(dirs) > 1:
		return fmt.Errorf("%d runs as %s: one at a time (markdown and openmetrics take several)", len(dirs), form)
	case form == "terminal":
		_, err := tell(out, dirs[0], look)
		return err
	}
	var ins []report.Input
	for _, dir := range dirs {
		in, err := harness.Read(dir)
		if err != nil {
			return fmt.Errorf("read %s: %w", dir, err)
		}
		ins = append(ins, in)
	}
	var text []byte
	if single {
		text = tellOne(ins[0])
	} else {
		text = many[form](ins)
	}
	_, err = out.Write(text)
	return err
}

// tell prints a run's story and verdict.
func tell(w io.Writer, dir string, look looks) (oracle.Verdict, error) {
	in, err := harness.Read(dir)
	if err != nil {
		return in.Verdict, fmt.Errorf("read %s: %w", dir, err)
	}
	if look.quiet {
		_, err := fmt.Fprintf(w, "%s %s: %s\n", in.Verdict.Outcome, in.Verdict.Scenario, dir)
		return in.Verdict, err
	}
	report.Terminal(w, in, report.TerminalOptions{Color: look.color, Width: look.width})
	_, err = fmt.Fprintf(w, "\nreport: %s\n", filepath.Join(fromHere(dir), "report.html"))
	return in.Verdict, err
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
