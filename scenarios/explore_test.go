package scenarios

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/explore"
	"github.com/halfopen/halfopen/harness/harnesstest"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An explored spec, and what of it is swept.
type explored struct {
	policies, target string
	q                explore.Question
	jitter           bool
}

// specs that differ in what decides how bad it gets.
var exploredSpecs = map[string]explored{
	"the_quickstart": {
		policies: "retries: { r: { duration: 5s, maxRetries: -1 } }\n    circuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 5 } }",
		target:   "{ retry: r, circuitBreaker: b }", q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}},
	},
	"a_timeout_and_few_retries": {
		policies: "timeouts: { t: 700ms }\n    retries: { r: { duration: 300ms, maxRetries: 4 } }\n    circuitBreakers: { b: { timeout: 2s, trip: consecutiveFailures >= 3 } }",
		target:   "{ timeout: t, retry: r, circuitBreaker: b }", q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}},
	},
	"exponential_gaps": {
		policies: "retries: { r: { policy: exponential, maxInterval: 2s, maxRetries: 6 } }",
		target:   "{ retry: r }", q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}}, jitter: true,
	},
	"counts_in_windows": {
		policies: "retries: { r: { duration: 400ms, maxRetries: 2 } }\n    circuitBreakers: { b: { timeout: 3s, interval: 2s, maxRequests: 2, trip: totalFailures > 3 } }",
		target:   "{ retry: r, circuitBreaker: b }", q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}},
	},
	"many_callers": {
		policies: "retries: { r: { duration: 1s, maxRetries: -1 } }\n    circuitBreakers: { b: { timeout: 1s, trip: consecutiveFailures >= 4 } }",
		target:   "{ retry: r, circuitBreaker: b }", q: explore.Question{Callers: explore.Range{Lo: 2, Hi: 3}},
	},
	"default_policies": {
		policies: "retries: { DefaultRetryPolicy: { duration: 600ms, maxRetries: 2 } }\n    circuitBreakers: { DefaultCircuitBreakerPolicy: { timeout: 4s, trip: consecutiveFailures > 5 } }",
		q:        explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}},
	},
	"nothing_but_the_built_in_retries": {policies: "timeouts: { unused: 1s }", q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 2}}},
	"callers_with_little_patience": {
		policies: "retries: { r: { duration: 2s, maxRetries: -1 } }", target: "{ retry: r }",
		q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}, Timeout: 3500 * time.Millisecond},
	},
	"callers_that_a_breaker_refuses_when_a_cut_is_healed": {
		policies: "circuitBreakers: { b: { timeout: 2602ms, maxRequests: 2, trip: consecutiveFailures >= 3 } }", target: "{ circuitBreaker: b }",
		q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}, Every: explore.Span{Lo: 500 * time.Millisecond, Hi: 500 * time.Millisecond}, Outage: explore.Span{Lo: 15 * time.Second, Hi: 15 * time.Second}, Timeout: 2610 * time.Millisecond},
	},
}

func (e explored) text() string {
	text := "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: explored }\nspec:\n  policies:\n    " + e.policies + "\n"
	if e.target != "" {
		text += "  targets: { apps: { order-processor: " + e.target + " } }\n"
	}
	return text
}

// sweep plays cases of a spec.
func (e explored) sweep(t *testing.T, cases int) (*explore.Sweeper, []explore.Sample, *resiliency.Spec) {
	t.Helper()
	spec, problems := resiliency.Parse("resiliency.yaml", []byte(e.text()))
	require.Empty(t, problems)
	q := e.q
	q.Target, q.Caller, q.Cases, q.Seed, q.Apart = "order-processor", "checkout", cases, 1, 100*time.Millisecond
	q = q.WithDefaults(spec)
	s := explore.NewSweeper(q, spec)
	samples := make([]explore.Sample, cases)
	s.Sweep(samples, 0)
	return s, samples, spec
}

// often is a pace at which recovery is the breaker's matter, not the caller's.
var often = explore.Span{Lo: 200 * time.Millisecond, Hi: 500 * time.Millisecond}

// specs against which a share of all requests fails: which, the scenario's seed says.
var ratioSpecs = map[string]explored{
	"ratio_retries_and_a_breaker": {
		policies: "retries: { r: { duration: 300ms, maxRetries: 2 } }\n    circuitBreakers: { b: { timeout: 2s, trip: consecutiveFailures >= 3 } }",
		target:   "{ retry: r, circuitBreaker: b }", q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}},
	},
	"ratio_a_trip_by_ratio": {
		policies: "circuitBreakers: { b: { timeout: 3s, maxRequests: 2, trip: requests >= 10 && totalFailures * 100 / requests > 50 } }",
		target:   "{ circuitBreaker: b }", q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 2}, Every: often},
	},
	"ratio_exponential_gaps": {
		policies: "retries: { r: { policy: exponential, maxInterval: 2s, maxRetries: 3 } }",
		target:   "{ retry: r }", q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}}, jitter: true,
	},
	"ratio_statuses_that_are_not_retried": {
		policies: `retries: { r: { duration: 300ms, maxRetries: 2, matching: { httpStatusCodes: "500-502" } } }` + "\n    circuitBreakers: { b: { timeout: 1s, trip: totalFailures > 5 } }",
		target:   "{ retry: r, circuitBreaker: b }", q: explore.Question{Callers: explore.Range{Lo: 1, Hi: 1}, Every: often},
	},
}

// The worst that a share of failures may come to is played, too: nothing else is swept there.
func TestTheWorstShareOfFailuresHappensInMemory(t *testing.T) {
	notShort(t)
	for name, e := range ratioSpecs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e.q.Faults = []string{scenario.Respond}
			failures := 0
			for _, w := range e.worstHappens(t) {
				require.Equal(t, scenario.Respond, w.Shown.Fault)
				require.Positive(t, w.Shown.Ratio)
				failures += w.Least.Failed + w.Least.Attempts - 1
			}
			require.Positive(t, failures)
		})
	}
}

// Each worst case is a scenario that any run reads, and a run of it in memory shows what was forecast: one of the ways
// that are foretold, to the nanosecond, and where there is one way only, its very figures.
func TestTheWorstCaseHappensInMemory(t *testing.T) {
	amongShort(t)
	for name, e := range exploredSpecs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e.worstHappens(t)
		})
	}
}

// worstHappens sweeps a spec and plays what is worst.
func (e explored) worstHappens(t *testing.T) []explore.Worst {
	t.Helper()
	cases := enough(2_000, 150)
	sweeper, samples, spec := e.sweep(t, cases)
	r := sweeper.FindWorst(samples)
	require.Equal(t, cases, r.Told, r.Cut)
	require.NotEmpty(t, r.Worst)
	for _, w := range r.Worst {
		file, text, _ := r.Scenario(w)
		s, problems := scenario.Parse(file+"/scenario.yaml", text)
		require.Empty(t, problems, "%s", text)
		c, got := play(t, s, spec)
		v := oracle.Judge(c)
		require.NotEqual(t, oracle.Fail, v.Outcome, "%s\n%s", text, told(c, v)) // unknown: so short a fault may show nothing
		told := "%s\n%s\nforetold %+v\nto       %+v\nhappened %+v"
		require.True(t, w.Least.Within(got) && got.Within(w.Most), told, w.What, text, w.Least, w.Most, got)
		if w.Most.Ways == 1 && !e.jitter {
			require.Equal(t, w.Least, w.Most)
		}
		if !e.jitter {
			follows, decided := oracle.Follows(c.Plan, spec, oracle.Observe(c))
			require.True(t, follows || !decided, told, w.What, text, w.Least, w.Most, got)
		}
	}
	return r.Worst
}

// play runs a scenario in memory and gives its toll.
func play(t *testing.T, s scenario.Scenario, spec *resiliency.Spec) (c oracle.Case, toll oracle.Toll) {
	t.Helper()
	var err error
	synctest.Test(t, func(t *testing.T) {
		c, err = harness.Rehearse(t.Context(), harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(honest)})
	})
	require.NoError(t, err)
	return c, oracle.TollOf(c.Plan, oracle.Observe(c))
}

// A regime begins exactly where it is said to: the case before it does not show it, and the first one of it does.
func TestARegimeBeginsWhereItIsSaidTo(t *testing.T) {
	amongShort(t)
	for _, name := range []string{"the_quickstart", "a_timeout_and_few_retries", "counts_in_windows", "default_policies", "callers_with_little_patience"}[:enough(5, 2)] {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := exploredSpecs[name]
			sweeper, samples, spec := e.sweep(t, 100)
			r := sweeper.Find(samples)
			require.NotEmpty(t, r.Changes)
			decided := 0
			for _, c := range r.Changes[:min(len(r.Changes), enough(12, 5))] {
				for _, side := range []explore.Case{c.Below, c.At} {
					least, most := oracle.NewSeer(spec).All(scenario.NewPlan(r.Question.Scenario(side), spec))
					if explore.RegimeOf(least) != explore.RegimeOf(most) {
						continue // a tie: it may go either way
					}
					decided++
					_, got := play(t, r.Question.Scenario(side), spec)
					words := strings.Join(explore.RegimeOf(got).Words(spec.For("checkout", "order-processor")), "; ")
					for _, w := range c.Starts {
						require.Equal(t, side == c.At, strings.Contains(words, w), "%s\n%s\n%+v: %s", c, side, got, words)
					}
					for _, w := range c.Stops {
						require.Equal(t, side == c.Below, strings.Contains(words, w), "%s\n%s\n%+v: %s", c, side, got, words)
					}
				}
			}
			require.Positive(t, decided)
		})
	}
}

// In processes, too, the worst recovery is what was forecast, within what the run itself measured the machine to be late:
// each wake-up on the way, and for as long as ending the target and starting it again took. So late a fault may fall on
// the other side of an attempt: then what happened is what is foretold
// for a fault that is moved by that much.
func TestTheWorstRecoveryHappensInProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes for some seconds")
	}
	e := explored{
		policies: "retries: { r: { duration: 1500ms, maxRetries: -1 } }\n    circuitBreakers: { b: { timeout: 1500ms, trip: consecutiveFailures >= 3 } }",
		target:   "{ retry: r, circuitBreaker: b }",
		q: explore.Question{
			Faults: []string{scenario.Stop}, Callers: explore.Range{Lo: 1, Hi: 1}, Every: explore.Span{Lo: time.Second, Hi: time.Second},
			Outage: explore.Span{Lo: 5 * time.Second, Hi: 8 * time.Second},
		},
	}
	sweeper, samples, spec := e.sweep(t, 2_000)
	r := sweeper.FindWorst(samples)
	worst := r.Worst[0]
	require.Equal(t, "recovery", worst.What)
	require.Equal(t, worst.Least, worst.Most)
	dir := filepath.Join(t.TempDir(), "worst-recovery")
	_, text, foretold := r.Scenario(worst)
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "scenario.yaml"), text, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "resiliency.yaml"), []byte(e.text()), 0o644))
	run, err := harness.Play(t.Context(), harness.Options{Scenario: dir, Env: "process", Binary: harnesstest.Binary(t), Reports: t.TempDir()})
	require.NoError(t, err)
	c, err := harness.ReadCase(run.Dir)
	require.NoError(t, err)
	got := oracle.TollOf(c.Plan, oracle.Observe(c))
	slack := run.Verdict.Slack
	const hops = 25 * time.Millisecond                                // what an attempt needs beside its sleep, as the oracle has it
	late := time.Duration(foretold.Attempts+2) * (slack.Upper + hops) // each attempt waits for a sleeper, and so do the fault's two ends
	if run.Verdict.Outcome == oracle.Unknown || late > foretold.Recovery/2 {
		t.Skipf("skipped: the machine was too busy to tell: %v, late by %s", run.Verdict.Why, late)
	}
	require.Equal(t, oracle.Pass, run.Verdict.Outcome, "%v", run.Verdict.Why)
	asForetold := func(f oracle.Toll) bool {
		return f.Attempts == got.Attempts && f.Opened == got.Opened && (f.Recovery-got.Recovery).Abs() <= late+slack.Lower
	}
	t.Logf("recovery foretold %s, seen %s, slack %s", foretold.Recovery, got.Recovery, late)
	require.Condition(t, func() bool {
		return asForetold(foretold) || slices.ContainsFunc(moved(worst.Shown, late), func(c explore.Case) bool {
			least, _ := oracle.NewSeer(spec).All(scenario.NewPlan(r.Question.Scenario(c), spec))
			return asForetold(least)
		})
	}, "%s\nforetold %+v\nseen     %+v", text, foretold, got)
}

// moved are the cases in which a fault begins later by up to some time, and ends sooner or later by up to that: an attempt
// that is late finds that it ended sooner.
func moved(c explore.Case, most time.Duration) (out []explore.Case) {
	const grid = 10 * time.Millisecond
	for begins := time.Duration(0); begins <= most; begins += grid {
		for ends := -most; ends <= most; ends += grid {
			later := c
			later.Lead, later.Outage = c.Lead+begins, c.Outage-begins+ends
			out = append(out, later)
		}
	}
	return out
}
