package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
	"github.com/halfopen/halfopen/harness/scenario"
)

// CompareSidecars plays each scenario with each kind of sidecar, all of one scenario at once and so many scenarios at a time,
// and tells where they differ. What could not be judged is played again, alone and once. o says where and with which
// daprd; its Scenario and Sidecar are not looked at.
func CompareSidecars(ctx context.Context, o Options, scenarios, sidecars []string, atOnce int) (report.Comparison, error) {
	c := report.Comparison{Sidecars: make([]string, len(sidecars)), Scenarios: make([]report.Compared, len(scenarios))}
	for _, path := range scenarios { // bad input starts nothing
		s, _, err := Load(path)
		if err != nil {
			return c, NotStarted{err}
		}
		ground, _, err := suited(s, o.Env)
		if err != nil {
			return c, NotStarted{err}
		}
		for i, kind := range sidecars {
			beside, err := sidecar(ctx, comparing(o, path, kind), s, ground)
			if err != nil {
				return c, NotStarted{err}
			}
			if c.Sidecars[i] = kind; kind == scenario.Daprd {
				c.Sidecars[i] += " " + beside.Version
			}
		}
	}
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, path := range scenarios {
		all.Go(func() error {
			compared, err := compare(ctx, o, path, sidecars)
			c.Scenarios[i] = compared
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return c, err
	}
	for i, path := range scenarios {
		if !slices.ContainsFunc(c.Scenarios[i].Verdicts, func(v oracle.Verdict) bool { return v.Outcome == oracle.Unknown }) {
			continue
		}
		compared, err := compare(ctx, o, path, sidecars)
		if c.Scenarios[i] = compared; err != nil {
			return c, err
		}
	}
	for _, s := range c.Scenarios {
		if len(s.Verdicts) > 0 {
			c.Env = s.Verdicts[0].Env
		}
	}
	return c, nil
}

// comparing are the options of one run of a comparison.
func comparing(o Options, path, kind string) Options {
	o.Scenario, o.Sidecar = path, kind
	if kind != scenario.Daprd {
		o.Daprd = ""
	}
	return o
}

func compare(ctx context.Context, o Options, path string, sidecars []string) (report.Compared, error) {
	var stage Stage
	o.Stage = &stage
	verdicts := make([]oracle.Verdict, len(sidecars))
	var all errgroup.Group
	for i, kind := range sidecars {
		all.Go(func() error {
			run, err := Play(ctx, comparing(o, path, kind))
			if run == nil {
				return fmt.Errorf("%s with %s: %w", path, kind, err)
			}
			verdicts[i] = run.Verdict
			return nil
		})
	}
	err := all.Wait()
	out := report.Compared{Verdicts: verdicts}
	if s, _, lerr := Load(path); lerr == nil {
		out.Scenario = s.Name
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		out.Verdicts, out.Skipped = nil, err.Error()
		return out, nil
	case err != nil:
		return out, err
	}
	out.Differences = Differences(verdicts)
	return out, nil
}

// Differences tells what runs of one scenario with different sidecars did not do alike. What was known before is
// told with its reason.
func Differences(verdicts []oracle.Verdict) []report.Difference {
	var out []report.Difference
	for i, first := range verdicts[0].Results {
		d := report.Difference{What: first.Check}
		same, kept := true, true
		for _, v := range verdicts {
			r := v.Results[i]
			text := string(r.Outcome)
			if !r.Applies {
				text = outOfPlay
			}
			d.Values = append(d.Values, text)
			same = same && text == d.Values[0]
			kept = kept && (!r.Applies || r.Outcome == oracle.Pass)
			d.Blind = d.Blind || r.Outcome == oracle.Unknown
			if why := Deviates(v, r); why != "" {
				d.Why = why
			}
		}
		if same || kept && first.Check == ofDaprd {
			continue
		}
		if kept && opened(verdicts, i) {
			d.Why = opens
		}
		out = append(out, d)
	}
	return append(out, figuresApart(verdicts)...)
}

const (
	outOfPlay = "not in play"
	ofDaprd   = "log-wording" // no other sidecar has it in play
	opens     = "what daprd is asked between two dials fails within it and counts for its breaker: so that opens where another's has nothing to count, and checks of it come into play. They were kept"
)

// aboutBreakers are the checks that come into play once a breaker opens.
var aboutBreakers = []string{"nothing-crosses-while-open", "open-time", "half-open-admissions", "breaker-closes", "breaker-log"}

// opened tells whether a check is in play with daprd alone, where attempts failed within it, and because its breaker opened.
func opened(verdicts []oracle.Verdict, i int) bool {
	if !slices.Contains(aboutBreakers, verdicts[0].Results[i].Check) {
		return false
	}
	return !slices.ContainsFunc(verdicts, func(v oracle.Verdict) bool {
		within := strings.HasPrefix(v.Sidecar, scenario.Daprd) && v.Figures.Uncrossed > 0
		return v.Results[i].Applies != within
	})
}

// apart is how far two times may lie from each other and count as alike: orders come once a second, retries too.
const apart = time.Second

// figuresApart compares what was counted, once all was judged to be well: a broken promise changes every number.
func figuresApart(verdicts []oracle.Verdict) []report.Difference {
	d := report.Difference{What: "recovery after readiness"}
	least, most := time.Duration(-1), time.Duration(-1)
	for _, v := range verdicts {
		if v.Figures.Recovery == nil {
			return nil
		}
		took := *v.Figures.Recovery
		if least < 0 || took < least {
			least = took
		}
		most = max(most, took)
		d.Values = append(d.Values, took.Round(100*time.Millisecond).String())
		d.Blind = d.Blind || v.Outcome == oracle.Unknown
		if strings.HasPrefix(v.Sidecar, scenario.Daprd) && v.Figures.Redial != nil {
			d.Why = redials.reason
		}
	}
	if most-least <= apart {
		return nil
	}
	if d.Why == "" { // within what the spec implies, any time is as good as another
		return nil
	}
	return []report.Difference{d}
}
