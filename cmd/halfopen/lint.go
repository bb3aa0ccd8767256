package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/lint"
)

// A lintFlags is how a report is wanted.
type lintFlags struct {
	format               string
	strict, notes, rules bool
	look                 looks
}

func newLintCommand() *cobra.Command {
	var l harness.Lint
	var how lintFlags
	cmd := &cobra.Command{
		Use:   "lint FILE|FOLDER|RULE...",
		Short: "say what in a Resiliency spec will not do what it says",
		Long: `Lint reads Resiliency specs and tells what goes wrong in them: what daprd would not read, or would read without a
word and not do, and what is legal but probably not meant. Nothing is run. Folders are searched for YAML files; other
documents in them are passed over. - reads from the standard input.

A finding is suppressed by a comment on its line, or on the line before it: # halfopen:ignore L18 because …

Exit codes: 0 no error (with --strict: no warning either), 1 an error, 2 something could not be read.`,
		Example: `  halfopen lint scenarios/stop-order-processor/resiliency.yaml
  halfopen lint --strict --client-timeout 10s deploy/
  helm template chart/ | halfopen lint -
  halfopen lint --format sarif deploy/ > lint.sarif
  halfopen lint L11       # what a rule is about; --rules lists them all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			how.look.settle(cmd)
			if how.rules {
				return listRules(cmd.OutOrStdout())
			}
			if len(args) == 0 {
				return fmt.Errorf("lint what? name a spec or a folder (halfopen lint --rules lists the rules)")
			}
			if ruleForm.MatchString(args[0]) {
				return explainRules(cmd.OutOrStdout(), args, how.look.width)
			}
			l.Paths, l.In = args, cmd.InOrStdin()
			if l.Scenario != "" {
				l.Scenario = findScenario(l.Scenario)
			}
			return runLint(cmd, l, how)
		},
	}
	f := cmd.Flags()
	f.StringVar(&how.format, "format", "text", "text | json | sarif")
	f.BoolVar(&how.strict, "strict", false, "a warning is as bad as an error")
	f.BoolVar(&how.notes, "notes", false, "print notes, too")
	f.BoolVar(&how.rules, "rules", false, "list the rules, and lint nothing")
	f.BoolVar(&how.look.noColor, "no-color", false, "no colours (also where NO_COLOR is set)")
	f.StringVar(&l.Scenario, "scenario", "", "a `scenario` that knows the callers, their timeouts and paths")
	f.DurationVar(&l.ClientTimeout, "client-timeout", 0, "how long the callers' clients wait for an answer")
	f.IntVar(&l.CalledPaths, "paths", 0, "how many paths of one app are called")
	f.StringVar(&l.DaprVersion, "dapr-version", "", "the `version` of daprd that will read the specs (default the newest)")
	f.BoolVar(&l.Kubernetes, "kubernetes", false, "the files are for kubectl, which applies all documents of each")
	return cmd
}

func runLint(cmd *cobra.Command, l harness.Lint, how lintFlags) error {
	report, err := harness.LintSpecs(l)
	if err != nil {
		return err
	}
	exit := report.Exit(how.strict)
	hidden := 0
	if !how.notes {
		hidden = report.Count(lint.Note)
		report = report.WithoutNotes()
	}
	out := cmd.OutOrStdout()
	switch how.format {
	case "json":
		err = lint.WriteJSON(out, report)
	case "sarif":
		err = lint.WriteSARIF(out, report, harness.Version())
	case "text":
		lint.WriteText(out, report, lint.TextOptions{Color: how.look.color, Notes: hidden, Width: how.look.width})
	default:
		return fmt.Errorf("--format %s: want text, json or sarif", how.format)
	}
	if err != nil {
		return err
	}
	if len(report.Unread) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "halfopen: "+report.Unread.Error())
	}
	if exit != 0 {
		return exitCode(exit)
	}
	return nil
}

var ruleForm = regexp.MustCompile(`^[Ll][0-9]{2}$`)

func listRules(w io.Writer) error {
	for _, r := range lint.Rules() {
		fmt.Fprintf(w, "%s  %-7s  %s\n", r.ID, r.Severity, r.Title)
	}
	return nil
}

func explainRules(w io.Writer, ids []string, width int) error {
	for _, id := range ids {
		if !ruleForm.MatchString(id) {
			return fmt.Errorf("%s is no rule: lint explains rules or reads files, not both at once", id)
		}
	}
	for i, id := range ids {
		r, ok := lint.Find(id)
		if !ok {
			return fmt.Errorf("no rule %s (halfopen lint --rules lists them)", strings.ToUpper(id))
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		lint.Explain(w, r, width)
	}
	return nil
}

// warn tells briefly what lint has to say of some scenarios' specs, before they are run: a line for each warning, or
// where there are several scenarios, for each of them.
func warn(w io.Writer, scenarios []string) {
	for _, scenario := range scenarios {
		var rules []string
		var file string
		for _, f := range harness.LintScenario(scenario).Findings {
			if f.Severity != lint.Warning {
				continue
			}
			file = f.File
			rules = append(rules, f.Rule)
			if len(scenarios) == 1 {
				fmt.Fprintf(w, "lint: %s:%d:%d: %s %s\n", f.File, f.Line, f.Column, f.Rule, f.What)
			}
		}
		if len(rules) > 0 && len(scenarios) > 1 {
			slices.Sort(rules)
			fmt.Fprintf(w, "lint: %s: %s\n", file, strings.Join(slices.Compact(rules), ", "))
		}
	}
}
