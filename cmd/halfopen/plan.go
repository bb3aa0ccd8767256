package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/lint"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

func newPlanCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan SCENARIO",
		Short: "say what a run would do and what the spec implies for it, without starting anything",
		Example: `  halfopen plan scenarios/stop-order-processor
  halfopen plan scenarios/stop-order-processor --json | jq .policies`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, spec, err := harness.Load(findScenario(args[0]))
			if err != nil {
				return err
			}
			plan := scenario.NewPlan(s, spec)
			forecast, warnings := oracle.Foresee(plan, spec), warnings(findScenario(args[0]), s, spec)
			return writeAs(cmd.OutOrStdout(), asJSON, planned(plan, spec, forecast, warnings), func(w io.Writer) {
				writePlan(w, plan, spec, warnings)
				oracle.WriteForecast(w, forecast)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the plan and its forecast as JSON")
	return cmd
}

// warnings are what lint warns of in the spec, and what only scenario and spec together show.
func warnings(dir string, s scenario.Scenario, spec *resiliency.Spec) problem.List {
	var out problem.List
	for _, f := range harness.LintScenario(dir).Findings {
		if f.Severity == lint.Warning {
			out = append(out, problem.Problem{
				File: f.File, Line: f.Line, Column: f.Column, Field: f.Field, What: f.Rule + ": " + f.What + ": " + f.Effect, Hint: f.Mend,
			})
		}
	}
	return append(out, harness.Warnings(s, spec)...)
}

// writePlan tells a plan.
func writePlan(w io.Writer, plan scenario.Plan, spec *resiliency.Spec, warnings problem.List) {
	s := plan.Scenario
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
	if len(warnings) > 0 {
		fmt.Fprintf(w, "\nwarnings\n  %s\n", strings.ReplaceAll(warnings.Error(), "\n", "\n  "))
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
}

func describe(v scenario.Service) string {
	text := v.Name + ": " + runs(v)
	if v.Port > 0 {
		text += fmt.Sprintf(", port %d", v.Port)
	}
	if v.Sends != nil {
		text += fmt.Sprintf(", sends %s %s to %s every %s", v.Sends.Method, v.Sends.Path, v.Sends.To, v.Sends.Every)
	}
	return text
}

// runs says what a service's app is.
func runs(v scenario.Service) string {
	switch {
	case v.Image != "":
		return "image " + v.Image
	case len(v.Command) > 0:
		return "command " + strings.Join(v.Command, " ")
	}
	return "built-in " + v.App
}

// A plannedJSON is a plan for programs: its names and units stay.
type plannedJSON struct {
	Format     string          `json:"format"` // halfopen-plan/1
	Name       string          `json:"name"`
	Why        string          `json:"why"`
	Seed       int64           `json:"seed"`
	Resiliency string          `json:"resiliency,omitempty"` // relative to the scenario's folder
	Expected   time.Duration   `json:"expected_ns"`          // from the first order on
	Services   []serviceJSON   `json:"services"`
	Links      []linkJSON      `json:"links"`
	Policies   []policyJSON    `json:"policies"`
	Timeline   []stepJSON      `json:"timeline"`
	Warnings   []warningJSON   `json:"warnings"`
	Forecast   oracle.Forecast `json:"forecast"`
}

type serviceJSON struct {
	Name  string     `json:"name"`
	Runs  string     `json:"runs"` // built-in order-processor, image …, command …
	Port  int        `json:"port,omitempty"`
	Sends *sendsJSON `json:"sends,omitempty"`
}

type sendsJSON struct {
	To      string        `json:"to"`
	Method  string        `json:"method"`
	Path    string        `json:"path"`
	Every   time.Duration `json:"every_ns"`
	Callers int           `json:"callers"`
	Timeout time.Duration `json:"timeout_ns,omitempty"` // none where it is absent
	Until   string        `json:"until"`
}

type linkJSON struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
	Hop  string `json:"hop"`
}

type policyJSON struct {
	Caller  string `json:"caller"`
	Target  string `json:"target"`
	InForce string `json:"in_force"`
}

type stepJSON struct {
	Step  int           `json:"step"` // from 1
	Kind  string        `json:"kind"` // wait | fault | heal | send
	What  string        `json:"what"`
	Line  int           `json:"line"`               // in the scenario's file
	Fault string        `json:"fault,omitempty"`    // its name
	For   time.Duration `json:"for_ns,omitempty"`   // of a fault: how long it lasts; of a wait: just time
	Limit time.Duration `json:"limit_ns,omitempty"` // when a wait gives up
}

type warningJSON struct {
	File  string `json:"file"`
	Line  int    `json:"line,omitempty"`
	Field string `json:"field"`
	What  string `json:"what"`
	Hint  string `json:"hint,omitempty"`
}

// planned gives a plan in the names that stay.
func planned(plan scenario.Plan, spec *resiliency.Spec, forecast oracle.Forecast, warnings problem.List) plannedJSON {
	s := plan.Scenario
	out := plannedJSON{
		Format: "halfopen-plan/1", Name: s.Name, Why: s.Why, Seed: s.Seed, Resiliency: s.Resiliency, Expected: plan.Expected,
		Warnings: []warningJSON{}, Forecast: forecast,
	}
	for _, v := range s.Services {
		one := serviceJSON{Name: v.Name, Runs: runs(v), Port: v.Port}
		if c := v.Sends; c != nil {
			one.Sends = &sendsJSON{To: c.To, Method: c.Method, Path: c.Path, Every: c.Every, Callers: c.Callers, Timeout: c.Timeout, Until: c.Until}
			out.Policies = append(out.Policies, policyJSON{Caller: v.Name, Target: c.To, InForce: spec.For(v.Name, c.To).Why})
		}
		out.Services = append(out.Services, one)
	}
	for _, l := range plan.Links {
		out.Links = append(out.Links, linkJSON(l))
	}
	for i, step := range s.Timeline {
		out.Timeline = append(out.Timeline, plannedStep(i, step, plan.Limits[i]))
	}
	for _, p := range warnings {
		out.Warnings = append(out.Warnings, warningJSON{File: p.File, Line: p.Line, Field: p.Field, What: p.What, Hint: p.Hint})
	}
	return out
}

func plannedStep(i int, s scenario.Step, limit time.Duration) stepJSON {
	out := stepJSON{Step: i + 1, What: s.String(), Line: s.Line, Limit: limit}
	switch {
	case s.Wait != nil:
		out.Kind, out.For = "wait", s.Wait.For
	case s.Fault != nil:
		out.Kind, out.Fault, out.For = "fault", s.Fault.Name, s.Fault.For
	case s.Send != nil:
		out.Kind = "send"
	default:
		out.Kind, out.Fault = "heal", s.Heal
	}
	return out
}
