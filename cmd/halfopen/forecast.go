package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
)

func newForecastCommand() *cobra.Command {
	o := harness.Outage{}
	var asJSON bool
	var form string
	cmd := &cobra.Command{
		Use:   "forecast SPEC --target APP",
		Short: "say what a spec implies for an outage of an app, without running anything",
		Long: `Forecast reads a Resiliency spec and prints the timetable that it implies while the target is away: attempts,
breaker transitions, refusals and recovery, and in plain words what a caller will live through.`,
		Example: `  halfopen forecast scenarios/stop-order-processor/resiliency.yaml --target order-processor
  halfopen forecast mine.yaml --target payments --caller shop --stop 2m --timeout 10s --format json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if form != "text" && form != "json" {
				return fmt.Errorf("format %q: want text or json", form)
			}
			o.Spec = args[0]
			f, err := harness.ForecastOutage(o)
			if err != nil {
				return err
			}
			tellWarnings(cmd.ErrOrStderr(), harness.Unnamed(o.Spec, o.Caller, o.Target), "")
			return writeAs(cmd.OutOrStdout(), asJSON || form == "json", f, func(w io.Writer) { oracle.WriteForecast(w, f) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Target, "target", "", "the `app` id that is called and goes away")
	f.StringVar(&o.Caller, "caller", "checkout", "the `app` id that calls")
	f.DurationVar(&o.Stop, "stop", 45*time.Second, "how long the target is away")
	f.DurationVar(&o.Every, "every", time.Second, "a caller's pause between two orders")
	f.IntVar(&o.Callers, "callers", 1, "how many callers send at once")
	f.DurationVar(&o.Timeout, "timeout", 0, "the client's own timeout (default none)")
	f.DurationVar(&o.Latency, "latency", 0, "the target is not stopped, but the link to it slower by this, each way")
	f.StringVar(&form, "format", "text", "text | json")
	f.BoolVar(&asJSON, "json", false, "the same as --format json")
	return cmd
}

func newExplainCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "explain RUN",
		Short:   "say why a saved run's breakers opened when they did, or never, and why recovery took what it took",
		Example: "  halfopen explain reports/stop-order-processor-20261124-101844-3f9a1c",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dirs, err := findRuns(args)
			if err != nil {
				return err
			}
			if len(dirs) > 1 {
				return fmt.Errorf("explain one run at a time, not %d (%s holds several)", len(dirs), args[0])
			}
			c, err := harness.ReadCase(dirs[0])
			if err != nil {
				return fmt.Errorf("explain %s: %w", args[0], err)
			}
			e := oracle.Explain(c)
			return writeAs(cmd.OutOrStdout(), asJSON, e, func(w io.Writer) { oracle.WriteExplanation(w, e) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the explanation as JSON")
	return cmd
}

// writeAs writes a value as JSON, or as text.
func writeAs(w io.Writer, asJSON bool, v any, text func(io.Writer)) error {
	if !asJSON {
		text(w)
		return nil
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
