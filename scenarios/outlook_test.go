package scenarios

import (
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
