package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/pflag"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/baseline"
	"github.com/halfopen/halfopen/harness/oracle"
)

// A gate says what exit code a verdict is worth, and what runs are held against.
type gate struct {
	failOnText string
	failOn     oracle.FailOn
	file       string // the baseline's; "" for none
	again      int    // how many runs of one scenario at most, where it looks worse than accepted
	accepted   baseline.Baseline
	asked      []string // the scenarios of this call, by name
}

func (g *gate) flags(f *pflag.FlagSet) {
	f.StringVar(&g.failOnText, "fail-on", "unknown", "what the exit code tells: broken | unknown (broken, or not judged) | warn (warnings too)")
}

func (g *gate) baselineFlags(f *pflag.FlagSet) {
	f.StringVar(&g.file, "baseline", "", "compare with what was accepted in this `file`, as by halfopen baseline update")
	f.IntVar(&g.again, "again", baseline.MostAgain, "with --baseline: play a scenario that looks worse again, at most so many `runs`, to tell it from chance")
}

// settle reads what the gate rests on, before anything starts.
func (g *gate) settle() (err error) {
	if g.failOn, err = oracle.ParseFailOn(g.failOnText); err != nil {
		return err
	}
	if g.file == "" {
		return nil
	}
	if g.again < 1 {
		return fmt.Errorf("--again %d: want 1 or more runs", g.again)
	}
	g.accepted, err = harness.ReadBaseline(g.file)
	return err
}

// others is how many figures this call compares besides a scenario's own.
func (g *gate) others(k baseline.Key) int {
	n := 0
	for _, name := range g.asked {
		other := k
		if other.Scenario = name; other == k {
			continue
		}
		if a := g.accepted.For(other); a != nil {
			n += a.Family()
		}
	}
	return n
}

// play runs a scenario; again, while it looks worse than accepted and its runs are too few to tell that from chance.
func (g *gate) play(ctx context.Context, errs io.Writer, o harness.Options, shown looks, played ...string) (dirs []string, err error) {
	dirs = played
	for look, again := max(1, len(dirs)), false; ; again = true {
		for len(dirs) < look && (len(dirs) == 0 || ctx.Err() == nil) {
			r, err := playOne(ctx, errs, o, shown)
			if err != nil {
				return dirs, err
			}
			dirs = append(dirs, r.Dir)
			if again && r.Verdict.Outcome == oracle.Unknown && look < g.again {
				look++ // it can't be compared: another one in its place, before anybody looks
			}
		}
		if g.file == "" {
			return dirs, nil
		}
		in, err := harness.Read(dirs[0])
		if err != nil {
			return dirs, err
		}
		k := baseline.Key{Scenario: in.Verdict.Scenario, Env: in.Verdict.Env, Sidecar: in.History.Header.Sidecar}
		held, err := harness.Compare(g.accepted, dirs, g.others(k))
		if err != nil {
			return dirs, err
		}
		c := held[0].Comparison
		need := c.TooFew()
		if need == 0 || need+c.Left > g.again || ctx.Err() != nil {
			return dirs, nil
		}
		if !shown.quiet {
			fmt.Fprintf(errs, "%s looks worse than accepted: %d runs tell it from chance\n", k.Scenario, need)
		}
		look = need + c.Left
	}
}

// playOne runs one scenario once. What went wrong after its start is told, and then in its verdict.
func playOne(ctx context.Context, errs io.Writer, o harness.Options, look looks) (*harness.Run, error) {
	live := newLive(errs, look)
	o.Watch = live.show
	r, err := harness.Play(ctx, o)
	live.end()
	if r == nil {
		var notStarted harness.NotStarted
		if errors.As(err, &notStarted) {
			return nil, err
		}
		return nil, unjudged{err}
	}
	if err != nil {
		fmt.Fprintln(errs, "halfopen: "+err.Error())
	}
	return r, nil
}

// tellAll tells runs and gives the exit code that all of them are worth.
func (g *gate) tellAll(out io.Writer, dirs []string, look looks) (int, error) {
	worst := exitKept
	if !look.quiet {
		defer inActions().guard(out)()
	}
	for _, dir := range dirs {
		v, err := tell(out, dir, look)
		if err != nil {
			return 0, err
		}
		worst = worse(worst, v.ExitOn(g.failOn))
	}
	return worst, nil
}

// holdAll holds runs that are over against what was accepted, plays those again that look worse, tells what is not as
// good as accepted, and gives all folders.
func (g *gate) holdAll(ctx context.Context, out, errs io.Writer, o harness.Options, done []harness.Done, shown looks) (dirs []string, err error) {
	played, where := map[string][]string{}, map[string]string{}
	for _, d := range done {
		if d.Run != nil {
			played[d.Name], where[d.Name] = append(played[d.Name], d.Run.Dir), d.Scenario
		}
	}
	for _, name := range slices.Sorted(maps.Keys(played)) {
		these := played[name]
		if g.file != "" {
			o.Scenario = where[name]
			if these, err = g.play(ctx, errs, o, shown, these...); err != nil {
				return dirs, err
			}
			held, err := harness.Read(these[0])
			if err != nil {
				return dirs, err
			}
			i := slices.IndexFunc(held.Verdict.Results, func(r oracle.Result) bool { return r.Check == oracle.Baseline })
			if r := held.Verdict.Results[i]; r.Outcome != oracle.Pass {
				fmt.Fprintf(out, "%s  %s  %s\n", r.Outcome, name, r.Because())
			}
		}
		dirs = append(dirs, these...)
	}
	return dirs, nil
}

// worst is the code that runs are worth which have been told.
func (g *gate) worst(dirs []string) (int, error) {
	code := exitKept
	for _, dir := range dirs {
		in, err := harness.Read(dir)
		if err != nil {
			return 0, err
		}
		code = worse(code, in.Verdict.ExitOn(g.failOn))
	}
	return code, nil
}
