package explore

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/scenario"
)

// A Case is one fault on the home story: some orders, the fault, recovery, two orders more.
type Case struct {
	Fault   string        `json:"fault"`
	Outage  time.Duration `json:"outage_ns"`
	Callers int           `json:"callers"`
	Every   time.Duration `json:"every_ns"`
	Lead    time.Duration `json:"lead_ns"` // the phase: how long after the fault the callers' next orders are due
	Latency time.Duration `json:"latency_ns,omitempty"`
	Ratio   float64       `json:"ratio,omitempty"`
	Way     uint64        `json:"way"` // draws what is left open: ties, jitter, which requests fail
}

// offGrid keeps a fault off the grid on which specs' durations lie: what comes at one instant with it may go either way.
const offGrid = 500 * time.Microsecond

// Case draws the n-th case. The first ones are the corners of what is swept, since there the worst is found mostly.
func (q Question) Case(n int) Case {
	r := rand.New(rand.NewPCG(q.Seed, uint64(n)))
	c := Case{Fault: q.Faults[n%len(q.Faults)], Way: r.Uint64() >> 1}
	corner := n / len(q.Faults)
	if corner < 1<<corners {
		low := func(bit int) bool { return corner>>bit&1 == 0 }
		c.Outage = pick(low(0), q.Outage.Lo, q.Outage.Hi)
		c.Callers = pick(low(1), q.Callers.Lo, q.Callers.Hi)
		c.Every = pick(low(2), q.Every.Lo, q.Every.Hi)
		c.Lead = pick(low(3), 0, c.Every)
		c.Latency = pick(low(4), q.Latency.Lo, q.Latency.Hi)
		c.Ratio = pick(low(4), q.Ratio.Lo, q.Ratio.Hi)
	} else {
		c.Outage = q.Outage.draw(r)
		c.Callers = q.Callers.draw(r)
		c.Every = q.Every.draw(r)
		c.Lead = time.Duration(r.Int64N(int64(c.Every)))
		c.Latency = q.Latency.draw(r)
		c.Ratio = math.Round(1000*(q.Ratio.Lo+r.Float64()*(q.Ratio.Hi-q.Ratio.Lo))) / 1000
	}
	return c.tidy()
}

// corners are the dimensions that have two ends.
const corners = 5

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// tidy puts a case on the grid, its fault off it, and leaves out what does not belong to its fault.
func (c Case) tidy() Case {
	c.Outage = max(c.Outage.Truncate(time.Millisecond), time.Millisecond)
	c.Every = max(c.Every.Truncate(time.Millisecond), time.Millisecond)
	c.Lead = min(c.Lead.Truncate(time.Millisecond), c.Every-time.Millisecond) + offGrid
	if c.Fault != scenario.Latency {
		c.Latency = 0
	}
	if c.Fault != scenario.Respond {
		c.Ratio = 0
	}
	return c
}

// draw is even over orders of magnitude half of the time, since that is where regimes lie, and even over the span the
// other half.
func (s Span) draw(r *rand.Rand) time.Duration {
	if s.Hi <= s.Lo {
		return s.Lo
	}
	if r.IntN(2) == 0 {
		return s.Lo + time.Duration(r.Int64N(int64(s.Hi-s.Lo)+1))
	}
	lo, hi := math.Log(float64(max(s.Lo, time.Millisecond))), math.Log(float64(max(s.Hi, time.Millisecond)))
	return min(max(time.Duration(math.Exp(lo+r.Float64()*(hi-lo))).Truncate(time.Millisecond), s.Lo), s.Hi)
}

// draw prefers few: one caller is as interesting as all numbers of several together.
func (g Range) draw(r *rand.Rand) int {
	if g.Hi <= g.Lo || r.IntN(2) == 0 {
		return g.Lo
	}
	return g.Lo + 1 + min(r.IntN(g.Hi-g.Lo), r.IntN(g.Hi-g.Lo))
}

// settled are the orders that pass before the fault.
const settled = 3

// Scenario is what a case plays.
func (q Question) Scenario(c Case) scenario.Scenario {
	f := &scenario.Fault{Name: c.Fault, Kind: c.Fault, For: c.Outage}
	switch c.Fault {
	case scenario.Stop:
		f.Service = q.Target
	case scenario.Cut, scenario.Latency:
		f.Link, f.Delay = q.Caller+"->"+q.Target, c.Latency
	case scenario.Respond:
		f.Service, f.Link = q.Target, q.Target+"->app"
		f.Status, f.Ratio, f.Seed = 503, c.Ratio, seed(c)
	}
	return scenario.Scenario{
		Name: "explored", Seed: seed(c), Resiliency: "resiliency.yaml",
		Services: []scenario.Service{
			{Name: q.Target, App: "order-processor", Port: 6001},
			{Name: q.Caller, App: "checkout", Sends: &scenario.Sends{
				To: q.Target, Method: "POST", Path: "orders", Every: c.Every, Callers: c.Callers, Timeout: q.Timeout, Until: "accepted",
			}},
		},
		Timeline: []scenario.Step{
			{Wait: &scenario.Wait{For: settled*c.Every - c.Lead}}, {Fault: f},
			{Wait: &scenario.Wait{Recovered: q.Caller}}, {Wait: &scenario.Wait{Orders: 2}},
		},
	}
}

// seed is of what the scenario itself draws: which requests fail.
func seed(c Case) int64 { return int64(c.Way % seeds) }

// seeds are those that a scenario may have.
const seeds = 1_000_000

// YAML is the scenario of a case as a file, ready for `halfopen run`; its folder bears its name, and holds the spec.
// What is flagged in a run of it is expected there.
func (q Question) YAML(name, why string, c Case, flagged ...string) []byte {
	timeout, what, expect := "", "", ""
	if len(flagged) > 0 {
		expect = fmt.Sprintf("expect: { verdict: fail, checks: [%s] }\n", strings.Join(flagged, ", "))
	}
	if q.Timeout > 0 {
		timeout = fmt.Sprintf(", timeout: %s", q.Timeout)
	}
	switch c.Fault {
	case scenario.Cut:
		what = fmt.Sprintf("cut: %s->%s", q.Caller, q.Target)
	case scenario.Latency:
		what = fmt.Sprintf("latency: %s->%s, delay: %s", q.Caller, q.Target, c.Latency)
	case scenario.Respond:
		what = fmt.Sprintf("respond: %s, status: 503, ratio: %g", q.Target, c.Ratio)
	default:
		what = "stop: " + q.Target
	}
	return fmt.Appendf(nil, `name: %s
why: >
  %s
seed: %d
resiliency: resiliency.yaml
services:
  %s: { app: order-processor }
  %s: { app: checkout, sends: { to: %s, every: %s, callers: %d%s } }
timeline:
  - wait: { for: %s }
  - fault: { name: %s, %s, for: %s }
  - wait: { recovered: %s }
  - wait: { orders: 2 }
%s`, name, why, seed(c), q.Target, q.Caller, q.Target, c.Every, c.Callers, timeout,
		settled*c.Every-c.Lead, c.Fault, what, c.Outage, q.Caller, expect)
}

// String says a case in a few words.
func (c Case) String() string {
	text := map[string]string{
		scenario.Stop: "the target is away", scenario.Cut: "its link swallows everything", scenario.Latency: fmt.Sprintf("its link is slower by %s each way", c.Latency),
		scenario.Respond: fmt.Sprintf("it answers %g %% of all requests with 503", math.Round(1000*c.Ratio)/10),
	}[c.Fault]
	return fmt.Sprintf("%s for %s; %s, an order every %s, the next one %s after the fault", text, c.Outage, callers(c.Callers), c.Every, c.Lead)
}

func callers(n int) string {
	if n == 1 {
		return "one caller"
	}
	return fmt.Sprintf("%d callers", n)
}
