package scenarios

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/explore"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// What the forecast says in sentences is attained by runs in memory, and none of a sweep exceeds it.
func TestTheSentencesOfAForecastAreTrue(t *testing.T) {
	notShort(t)
	for name, e := range exploredSpecs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, problems := resiliency.Parse("resiliency.yaml", []byte(e.text()))
			require.Empty(t, problems)
			p := spec.For("checkout", "order-processor")
			const every = time.Second
			q := explore.Question{
				Target: "order-processor", Caller: "checkout", Faults: []string{scenario.Stop}, Cases: 1000, Seed: 1, Timeout: e.q.Timeout,
				Callers: explore.Range{Lo: 1, Hi: 1}, Every: explore.Span{Lo: every, Hi: every},
			}.WithDefaults(spec)
			s := explore.NewSweeper(q, spec)
			samples := make([]explore.Sample, q.Cases)
			s.Sweep(samples, 0)
			r := s.FindWorst(samples)
			long := explore.Case{Fault: scenario.Stop, Outage: q.Outage.Hi, Callers: 1, Every: every, Lead: 500 * time.Microsecond}
			o := oracle.Foresee(s.Plan(long), spec).Outlooks[0]

			c, toll := play(t, q.Scenario(long), spec)
			first := 500 * time.Microsecond // the fault falls so long before it
			if o.Trips != nil {
				require.Positive(t, toll.Opened, "%+v", o.Trips)
				within(t, o.Trips.After, toll.Opens-first, "the breaker opens")
				require.Equal(t, o.Trips.Failure, firstOpening(c))
			} else {
				require.Zero(t, toll.Opened)
			}
			if o.Hangs == nil {
				require.GreaterOrEqual(t, toll.Hang, q.Outage.Hi-first, "an order hangs for as long as the outage")
			} else {
				within(t, *o.Hangs, toll.Hang, "an order hangs")
				require.GreaterOrEqual(t, toll.Attempts, o.Fewest)
				require.LessOrEqual(t, toll.Attempts, o.Attempts)
			}
			if o.Refused {
				require.Positive(t, toll.GivenUp)
			}

			var worst time.Duration
			cases := []explore.Case{r.Worst[0].Case}
			for _, x := range samples[:16] {
				cases = append(cases, x.Case)
			}
			for _, k := range cases {
				c, got := play(t, q.Scenario(k), spec)
				require.LessOrEqual(t, sinceReady(c), o.Recovers, "%s", k)
				worst = max(worst, got.Recovery)
				if o.Hangs != nil {
					require.LessOrEqual(t, got.Hang, o.Hangs.Hi, "%s", k)
					require.LessOrEqual(t, got.Attempts, o.Attempts, "%s", k)
				}
			}
			if o.Attained {
				require.Greater(t, worst, o.Recovers-2*time.Millisecond)
			}
			many(t, q, spec, o, p)
		})
	}
}

// slowerSpecs are those under which a slower link may come to something, and some.
func slowerSpecs() map[string]explored {
	out := maps.Clone(exploredSpecs)
	out["retries_for_ever_under_a_timeout"] = explored{
		policies: "timeouts: { t: 1s }\n    retries: { r: { duration: 2s, maxRetries: -1 } }\n    circuitBreakers: { b: { timeout: 2s, trip: consecutiveFailures >= 3 } }",
		target:   "{ timeout: t, retry: r, circuitBreaker: b }",
	}
	out["a_timeout_alone"] = explored{policies: "timeouts: { t: 800ms }", target: "{ timeout: t }"}
	out["exponential_gaps_under_a_timeout"] = explored{
		policies: "timeouts: { t: 900ms }\n    retries: { r: { policy: exponential, maxInterval: 2s, maxRetries: 4 } }", target: "{ timeout: t, retry: r }",
	}
	out["a_breaker_that_refuses_callers_with_little_patience"] = explored{
		policies: "circuitBreakers: { b: { timeout: 4s, trip: consecutiveFailures >= 3 } }", target: "{ circuitBreaker: b }",
		q: explore.Question{Timeout: 1500 * time.Millisecond},
	}
	return out
}

// What the forecast says of a slower link is what runs in memory come to, just below the latency from which on attempts
// fail, and above it.
func TestTheSentencesOfASlowerLinkAreTrue(t *testing.T) {
	notShort(t)
	fails := 0
	for name, e := range slowerSpecs() {
		spec, problems := resiliency.Parse("resiliency.yaml", []byte(e.text()))
		require.Empty(t, problems)
		limit := 10 * time.Second // any will do where nothing ends an attempt
		if p := spec.For("checkout", "order-processor"); p.Timeout != nil {
			limit = *p.Timeout
		}
		if e.q.Timeout > 0 {
			limit = min(limit, e.q.Timeout)
		}
		for _, latency := range []time.Duration{limit/2 - 2*time.Millisecond, limit/2 + 5*time.Millisecond, 2 * limit} {
			const every, outage, lead = time.Second, 50 * time.Second, 500 * time.Microsecond
			q := explore.Question{Target: "order-processor", Caller: "checkout", Timeout: e.q.Timeout}
			slow := explore.Case{Fault: scenario.Latency, Outage: outage, Callers: 1, Every: every, Lead: lead, Latency: latency}
			s := q.Scenario(slow)
			o := oracle.ForeseeOutage(scenario.NewPlan(s, spec), spec).Outlooks[0]
			fails += len(o.Sentences()) - 1
			t.Run(fmt.Sprintf("%s/%s", name, latency), func(t *testing.T) {
				t.Parallel()
				c, toll := play(t, s, spec)
				said := strings.Join(o.Sentences(), "\n")
				if !o.Slow {
					require.Len(t, o.Sentences(), 1)
					require.Equal(t, 1, toll.Attempts, said)
					require.Zero(t, toll.Opened, said)
					require.Equal(t, 2*latency, toll.Hang, said)
					return
				}
				if o.Trips != nil {
					within(t, o.Trips.After, toll.Opens-lead-limit, "the breaker opens")
					require.Equal(t, o.Trips.Failure, firstOpening(c), said)
				} else {
					require.Zero(t, toll.Opened, said)
				}
				if o.Hangs == nil {
					require.GreaterOrEqual(t, toll.Hang, outage-lead, said)
				} else {
					within(t, *o.Hangs, toll.Hang, "an order hangs")
					require.GreaterOrEqual(t, toll.Attempts, o.Fewest, said)
					require.LessOrEqual(t, toll.Attempts, o.Attempts, said)
				}
				if o.Refused {
					require.Positive(t, toll.GivenUp, said)
				}
				for _, outage := range []time.Duration{outage / 3, outage / 2, outage} {
					for _, callers := range []int{1, o.Many.Callers} {
						slow.Outage, slow.Callers = outage, callers
						c, _ := play(t, q.Scenario(slow), spec)
						bound := o.Recovers
						if callers > 1 {
							bound = o.Many.Recovers
						}
						require.LessOrEqual(t, sinceReady(c), bound, "%d callers, %s\n%s", callers, outage, said)
					}
				}
			})
		}
	}
	require.Greater(t, fails, 10, "attempts fail of some of them")
}

// many holds what is said of several callers against runs of so many.
func many(t *testing.T, q explore.Question, spec *resiliency.Spec, o oracle.Outlook, p resiliency.Policies) {
	t.Helper()
	opened, gaveUp := 0, 0
	const lead = 300*time.Millisecond + 500*time.Microsecond
	for _, outage := range []time.Duration{q.Outage.Hi, q.Outage.Hi * 2 / 3, q.Outage.Hi / 3} {
		k := explore.Case{Fault: scenario.Stop, Outage: outage.Truncate(time.Millisecond), Callers: o.Many.Callers, Every: q.Every.Lo, Lead: lead}
		c, got := play(t, q.Scenario(k), spec)
		require.LessOrEqual(t, sinceReady(c), o.Many.Recovers, "%s", k)
		opened += got.Opened
		gaveUp += got.GivenUp
		if got.Opened > 0 && !p.Draws() {
			within(t, o.Many.Trips.After, got.Opens-lead, "many callers make the breaker open")
		}
	}
	require.Equal(t, o.Many.Trips != nil, opened > 0)
	require.Equal(t, o.Many.GivesUp, gaveUp > 0)
}

// sinceReady is the recovery since the target was told to be back: ending a part that many are connected to may take half
// a second, and so much later it comes back.
func sinceReady(c oracle.Case) time.Duration {
	var ready time.Duration
	for _, r := range oracle.Observe(c) {
		switch {
		case r.Kind == "fault" && r.What == "healed":
			ready = r.At.Lo
		case r.Kind == "order" && r.What == oracle.ForecastAccepted && ready > 0:
			return r.At.Lo - ready
		}
	}
	return 0
}

func within(t *testing.T, w oracle.Window, d time.Duration, what string) {
	t.Helper()
	require.GreaterOrEqual(t, d, w.Lo, what)
	require.LessOrEqual(t, d, w.Hi, what)
}

// firstOpening is the failure on which a run's breaker opened first.
func firstOpening(c oracle.Case) int {
	for _, r := range oracle.Observe(c) {
		if r.Kind == "breaker" && r.What == "closed to open" {
			return r.N
		}
	}
	return 0
}
