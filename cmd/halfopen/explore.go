package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/explore"
	"github.com/halfopen/halfopen/harness/problem"
)

func newExploreCommand() *cobra.Command {
	var o exploration
	cmd := &cobra.Command{
		Use:   "explore SPEC --target APP",
		Short: "find the worst that a spec makes of any fault, and where what happens changes in kind",
		Long: `Explore plays tens of thousands of faults on a spec's forecast, without running anything: the target away, swallowing
everything, slow, or failing some requests; for how long, under how many callers, at what pace and phase. It finds the
worst recovery, the longest hang and the greatest amplification, each with the scenario that shows it, and the exact
values from which on something else happens. With --compare OLD NEW it tells what an edit of the spec changes.`,
		Example: `  halfopen explore scenarios/stop-order-processor/resiliency.yaml --target order-processor --out explored
  halfopen run explored/worst-recovery
  halfopen explore mine.yaml --target payments --fault stop,latency --outage 1s..10m --callers 1..4 --every 200ms
  halfopen explore --compare old.yaml new.yaml --target payments`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if want := 1; o.compare {
				want = 2
				if len(args) != want {
					return fmt.Errorf("explore --compare wants two specs, got %d (halfopen explore --compare OLD NEW --target APP)", len(args))
				}
			} else if len(args) != want {
				return fmt.Errorf("explore wants one spec, got %d (halfopen explore SPEC --target APP)", len(args))
			}
			if o.form != "text" && o.form != "json" {
				return fmt.Errorf("format %q: want text or json", o.form)
			}
			if o.compare && o.out != "" {
				return fmt.Errorf("explore --compare writes no files: leave --out away (--format json gives all of it to programs)")
			}
			for _, spec := range args {
				tellWarnings(cmd.ErrOrStderr(), harness.Unnamed(spec, o.q.Caller, o.q.Target), "")
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), args)
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

// An exploration is what the command line asks for.
type exploration struct {
	q                         explore.Question
	faults                    []string
	outage, every, latency    string
	callers, ratio, form, out string
	compare                   bool
}

func (o *exploration) flags(f *pflag.FlagSet) {
	f.StringVar(&o.q.Target, "target", "", "the `app` id that is called and broken")
	f.StringVar(&o.q.Caller, "caller", "checkout", "the `app` id that calls")
	f.StringSliceVar(&o.faults, "fault", nil, "which `faults`, by comma: "+strings.Join(explore.Kinds(), ", ")+" (default all that a forecast follows)")
	f.StringVar(&o.outage, "outage", "", "how long the fault lasts: a `span` 1s..2m, or one length (default from the spec's times)")
	f.StringVar(&o.callers, "callers", "", "how many callers send at once: a `range` 1..8, or one number (default 1..8)")
	f.StringVar(&o.every, "every", "", "a caller's pause between two orders: a `span` 200ms..5s, or one pause (default 500ms..5s)")
	f.StringVar(&o.latency, "latency", "", "of fault latency: by how much the link is slower, each way, as a `span` (default from the spec's timeout)")
	f.StringVar(&o.ratio, "ratio", "", "of fault respond: the share of requests that fail, as a `range` 0.1..0.9 (default 0.1..1)")
	f.DurationVar(&o.q.Timeout, "timeout", 0, "the clients' own timeout (default none)")
	f.IntVar(&o.q.Cases, "cases", 50_000, "how many cases to play")
	f.Uint64Var(&o.q.Seed, "seed", 1, "draws the cases: the same seed gives the same bytes")
	f.DurationVar(&o.q.Apart, "apart", 100*time.Millisecond, "how far a scenario keeps its fault from attempts, so that a late machine shows the same")
	f.BoolVar(&o.compare, "compare", false, "compare two specs, OLD and NEW, over the same cases")
	f.StringVar(&o.form, "format", "text", "text | json")
	f.StringVar(&o.out, "out", "", "write cases.csv, explore.html and the scenarios of the worst cases into this `folder`")
}

func (o *exploration) run(ctx context.Context, out io.Writer, args []string) error {
	if err := o.question(); err != nil {
		return err
	}
	debug.SetGCPercent(400) // most of what is made lives for one case
	debug.SetMemoryLimit(mostBytes)
	started := time.Now()
	if o.compare {
		c, err := harness.ExploreEdit(ctx, args[0], args[1], o.q)
		if err != nil {
			return err
		}
		return writeAs(out, o.form == "json", c, func(w io.Writer) {
			explore.WriteComparison(w, c)
			took(w, 2*o.q.Cases, started)
		})
	}
	if o.out != "" {
		if err := harness.MakeExploration(o.out); err != nil {
			return err
		}
	}
	r, err := harness.Explore(ctx, args[0], o.q)
	if err != nil {
		return err
	}
	if o.form == "json" {
		err = writeAs(out, true, r, nil)
	} else {
		explore.WriteText(out, r)
		took(out, o.q.Cases, started)
	}
	if err != nil {
		return err
	}
	var dirs []string
	if o.out != "" {
		if dirs, err = harness.WriteExploration(o.out, args[0], r); err != nil {
			return err
		}
	}
	if o.form == "text" {
		o.shown(out, r, dirs)
	}
	return nil
}

// mostBytes is what an exploration may take before memory is cleared sooner.
const mostBytes = 70 << 20

// took says how fast it went.
func took(w io.Writer, cases int, started time.Time) {
	d := time.Since(started)
	noun := "cases"
	if cases == 1 {
		noun = "case"
	}
	fmt.Fprintf(w, "\n%d %s in %.1f s (%.0f a second)\n", cases, noun, d.Seconds(), float64(cases)/d.Seconds())
}

// shown tells how to see the worst happen: the scenario, or where it was written.
func (o *exploration) shown(w io.Writer, r explore.Result, dirs []string) {
	if o.out != "" {
		fmt.Fprintf(w, "\npage: %s\n", filepath.Join(o.out, "explore.html"))
		for _, d := range dirs {
			fmt.Fprintf(w, "  halfopen run %s\n", d)
		}
		return
	}
	if len(r.Worst) > 0 {
		name, text, _ := r.Scenario(r.Worst[0])
		fmt.Fprintf(w, "\nthe scenario that shows the worst %s (--out FOLDER writes all of them): %s/scenario.yaml beside the spec as resiliency.yaml\n\n%s", r.Worst[0].What, name, text)
	}
}

// question reads the spans. All that is wrong with them comes at once.
func (o *exploration) question() error {
	var problems problem.List
	read := func(flag, text, hint string, parse func(lo, hi string) error) {
		if text == "" {
			return
		}
		lo, hi, both := strings.Cut(text, "..")
		if !both {
			hi = lo
		}
		if err := parse(lo, hi); err != nil {
			problems = append(problems, problem.Problem{File: "command line", Field: flag, What: fmt.Sprintf("%q can't be read", text), Hint: hint})
		}
	}
	span := func(to *explore.Span) func(lo, hi string) error {
		return func(lo, hi string) (err error) {
			if to.Lo, err = time.ParseDuration(lo); err == nil {
				to.Hi, err = time.ParseDuration(hi)
			}
			if err == nil && *to == (explore.Span{}) {
				err = fmt.Errorf("no time at all")
			}
			return err
		}
	}
	o.q.Faults = o.faults
	read("--outage", o.outage, "a length with a unit, or two: --outage 1s..2m", span(&o.q.Outage))
	read("--every", o.every, "a pause with a unit, or two: --every 200ms..5s", span(&o.q.Every))
	read("--latency", o.latency, "a delay with a unit, or two: --latency 10ms..3s", span(&o.q.Latency))
	read("--callers", o.callers, "a number, or two: --callers 1..8", func(lo, hi string) (err error) {
		if o.q.Callers.Lo, err = strconv.Atoi(lo); err == nil {
			o.q.Callers.Hi, err = strconv.Atoi(hi)
		}
		if err == nil && o.q.Callers == (explore.Range{}) {
			err = fmt.Errorf("nobody")
		}
		return err
	})
	read("--ratio", o.ratio, "a share, or two: --ratio 0.1..0.9", func(lo, hi string) (err error) {
		if o.q.Ratio.Lo, err = strconv.ParseFloat(lo, 64); err == nil {
			o.q.Ratio.Hi, err = strconv.ParseFloat(hi, 64)
		}
		if err == nil && o.q.Ratio == (explore.Share{}) {
			err = fmt.Errorf("none at all")
		}
		return err
	})
	return problems.Err()
}
