package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

func newListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list [FOLDER]",
		Short:   "list the scenarios below a folder (scenarios/ by default)",
		Example: "  halfopen list",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "scenarios"
			if len(args) > 0 {
				dir = args[0]
			}
			files, err := filepath.Glob(filepath.Join(dir, "*", "scenario.yaml"))
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return fmt.Errorf("no scenario below %s (a scenario is a folder with a scenario.yaml)", dir)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			bad := false
			for _, file := range files {
				s, spec, err := harness.Load(file)
				if err != nil {
					bad = true
					fmt.Fprintf(w, "%s\t-\t%s\n", filepath.Base(filepath.Dir(file)), "does not load: halfopen plan "+filepath.Dir(file))
					continue
				}
				plan := scenario.NewPlan(s, spec)
				fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, plan.Expected.Round(time.Second), firstSentence(s.Why))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if bad {
				return exitCode(exitUsage)
			}
			return nil
		},
	}
}

func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if i := strings.Index(text, ". "); i > 0 {
		return text[:i+1]
	}
	return text
}

func newPlanCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "plan SCENARIO",
		Short:   "say what a run would do and what the spec implies for it, without starting anything",
		Example: "  halfopen plan scenarios/stop-order-processor",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, spec, err := harness.Load(findScenario(args[0]))
			if err != nil {
				return err
			}
			plan := scenario.NewPlan(s, spec)
			forecast := oracle.Foresee(plan, spec)
			w := cmd.OutOrStdout()
			if asJSON {
				return writeAs(w, true, struct {
					scenario.Plan
					Forecast oracle.Forecast
				}{plan, forecast}, nil)
			}
			fmt.Fprintf(w, "%s\n%s\n\nservices\n", s.Name, strings.Join(strings.Fields(s.Why), " "))
			for _, v := range s.Services {
				fmt.Fprintf(w, "  %s\n", describe(v))
			}
			fmt.Fprintln(w, "\nlinks (a tap and Toxiproxy each)")
			for _, l := range plan.Links {
				fmt.Fprintf(w, "  %s (%s)\n", l.Name, l.Hop)
			}
			for _, c := range s.Callers() {
				fmt.Fprintf(w, "\npolicies in force for %s → %s\n  %s\n", c.Name, c.Sends.To, spec.For(c.Name, c.Sends.To).Why)
			}
			fmt.Fprintf(w, "\ntimeline, about %s\n", plan.Expected.Round(time.Second))
			for i, step := range s.Timeline {
				fmt.Fprintf(w, "  %d  %s", i+1, step)
				if limit := plan.Limits[i]; limit > 0 {
					fmt.Fprintf(w, "  (gives up after %s)", limit.Round(time.Second))
				}
				fmt.Fprintln(w)
			}
			fmt.Fprintln(w)
			oracle.WriteForecast(w, forecast)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the plan as it is saved with a run, with its forecast")
	return cmd
}

func describe(v scenario.Service) string {
	what := "built-in " + v.App
	switch {
	case v.Image != "":
		what = "image " + v.Image
	case len(v.Command) > 0:
		what = "command " + strings.Join(v.Command, " ")
	}
	text := v.Name + ": " + what
	if v.Port > 0 {
		text += fmt.Sprintf(", port %d", v.Port)
	}
	if v.Sends != nil {
		text += fmt.Sprintf(", sends %s %s to %s every %s", v.Sends.Method, v.Sends.Path, v.Sends.To, v.Sends.Every)
	}
	return text
}
