package scenarios

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// stated are the reasons for which an honest run in memory may be unknown: each is about what the drawn scenario
// shows, none about the oracle.
var stated = []string{
	"fault-effective: ",        // a fault may be drawn where nobody meets it, or too mild to be seen
	": the run ended before a", // and a run may be over while a breaker is still open, or half-open
	"callers had left when",    // nor does anybody see what a sidecar begins for a caller that has left
}

// The oracle stays silent where nothing is wrong: whatever spec, faults and callers are drawn, no run of the honest
// sidecar fails, and none is unknown but for a reason that is stated. HALFOPEN_HONEST says how many runs
// (`make honest`), HALFOPEN_SEED plays one of them again.
func TestTheHonestSidecarGivesNoFalseAlarm(t *testing.T) {
	amongShort(t)
	runs := asked(t, "HALFOPEN_HONEST", enough(400, 12))
	first := int64(1)
	if text := os.Getenv("HALFOPEN_SEED"); text != "" {
		seed, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		first, runs = seed, 1
	}
	var c census
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.NumCPU() {
		all.Go(func() {
			for n := next.Add(1) - 1; n < int64(runs); n = next.Add(1) - 1 {
				seed := first + n
				o := drawAny(rand.New(rand.NewPCG(uint64(seed), 1)), seed).play(t, seed)
				c.add(o)
				if v := o.verdict; v.Outcome == oracle.Unknown {
					for _, why := range v.Why {
						if !slices.ContainsFunc(stated, func(s string) bool { return strings.Contains(why, s) }) {
							t.Errorf("%s is unknown for a reason that is not stated: %s", o.name, why)
						}
					}
				}
			}
		})
	}
	all.Wait()
	t.Logf("in memory, from seed %d on (HALFOPEN_SEED plays one of them again)\n%s", first, c.String())
	require.Equal(t, runs, c.runs)
	require.Empty(t, c.failed)
	require.Empty(t, c.vague)
	if runs > 1 {
		require.Greater(t, c.passed*2, c.runs, "fewer than half of the runs show anything")
	}
}

// Drawn cases that once raised a false alarm: callers that had left when their order came over a slow link, an answer of
// a failure that broke off, attempts torn before a tap had read them, and a sidecar that came back in that moment.
func TestNoFalseAlarmIsRaisedAgain(t *testing.T) {
	for _, seed := range []int64{2090, 2210, 2230, 2524, 2531, 2970, 3883, 4347, 6732, 7241, 7723} {
		o := drawAny(rand.New(rand.NewPCG(uint64(seed), 1)), seed).play(t, seed)
		require.NoError(t, o.err)
		require.NotEqual(t, oracle.Fail, o.verdict.Outcome, "seed %d: %s", seed, o.verdict.Why)
	}
}

// play plays a drawn case and judges it.
func (d drawn) play(t *testing.T, seed int64) outing {
	o := outing{name: fmt.Sprintf("seed %d", seed)}
	spec, problems := resiliency.Parse("resiliency.yaml", []byte(d.spec))
	s, more := scenario.Parse("drawn/scenario.yaml", []byte(d.scenario))
	if len(problems)+len(more) > 0 {
		o.err = fmt.Errorf("%w\n%s%s", append(problems, more...), d.scenario, d.spec)
		return o
	}
	c, err := inBubble(t, harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(honest)})
	if err != nil {
		o.err = fmt.Errorf("%w\n%s%s", err, d.scenario, d.spec)
		return o
	}
	o.verdict = oracle.Judge(c)
	if o.verdict.Outcome == oracle.Fail {
		t.Logf("%s\n%s%s%s", o.name, d.scenario, d.spec, told(c, o.verdict))
	}
	return o
}

// A lot draws.
type lot struct{ *rand.Rand }

func (r lot) span(from, to time.Duration) time.Duration {
	const grid = time.Millisecond
	return from + time.Duration(r.Int64N(int64((to-from)/grid)+1))*grid
}

func (r lot) one(of ...string) string { return of[r.IntN(len(of))] }

func (r lot) in(n int) bool { return r.IntN(n) == 0 }

// drawAny makes a random case with all that the memory environment can do: any policies, jitter too, several callers
// with breakers of their own, several faults that may overlap, on services, links and at the app's door.
func drawAny(rnd *rand.Rand, seed int64) drawn {
	r := lot{rnd}
	var silent bool // somebody is made to wait for an answer that never comes
	callers := []string{"checkout"}
	if r.in(3) {
		callers = append(callers, "basket")
	}
	services := "  order-processor: { app: order-processor }\n"
	for _, c := range callers {
		sends := fmt.Sprintf("to: order-processor, every: %s, callers: %d", r.span(50*time.Millisecond, 2*time.Second), 1+max(0, r.IntN(6)-2))
		if r.in(4) {
			sends += fmt.Sprintf(", timeout: %s", r.span(200*time.Millisecond, 8*time.Second))
		}
		if r.in(4) {
			sends += ", until: once"
		}
		services += fmt.Sprintf("  %s: { app: checkout, sends: { %s } }\n", c, sends)
	}
	var steps []string
	step := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	step("wait: { for: %s }", r.span(time.Second, 6*time.Second))
	for n := range 1 + r.IntN(3) {
		kind, fault := r.fault(callers)
		silent = silent || kind == scenario.Cut || kind == scenario.Hang
		lasts := r.span(300*time.Millisecond, 12*time.Second)
		switch {
		case kind == scenario.Restart:
			step("fault: { name: f%d, %s }", n, fault)
		case r.in(3):
			step("fault: { name: f%d, %s }", n, fault)
			step("wait: { for: %s }", lasts)
			step("heal: f%d", n)
		default:
			step("fault: { name: f%d, %s, for: %s }", n, fault, lasts)
			if r.in(3) {
				step("wait: { for: %s }", r.span(100*time.Millisecond, 3*time.Second))
				step("send: { from: %s, within: %s }", r.one(callers...), r.span(time.Second, 5*time.Second))
			}
		}
		if r.in(2) {
			step("wait: { for: %s }", r.span(100*time.Millisecond, 8*time.Second))
		}
	}
	for _, c := range callers {
		step("wait: { recovered: %s }", c)
	}
	step("wait: { for: %s }", r.span(time.Second, 8*time.Second))
	return drawn{
		scenario: fmt.Sprintf("name: drawn\nwhy: drawn\nseed: %d\nresiliency: resiliency.yaml\nservices:\n%stimeline:\n  - %s\n", seed, services, strings.Join(steps, "\n  - ")),
		spec:     r.spec(callers, silent),
	}
}

// fault draws one that memory can do.
func (r lot) fault(callers []string) (kind, text string) {
	caller := r.one(callers...)
	link := r.one(caller+"->sidecar", caller+"->order-processor", caller+"->order-processor", "order-processor->app", "order-processor->app")
	way := r.one("", "", ", direction: request", ", direction: response")
	which := r.one("", "", fmt.Sprintf(", first: %d", 1+r.IntN(8)), fmt.Sprintf(", ratio: 0.%d", 2+r.IntN(8)), ", path: orders")
	delay := r.span(50*time.Millisecond, 3*time.Second)
	kind = r.one(scenario.Stop, scenario.Stop, scenario.Kill, scenario.Restart, scenario.Cut, scenario.Refuse, scenario.Reset, scenario.Latency,
		scenario.Bandwidth, scenario.Slice, scenario.SlowClose, scenario.Limit, scenario.Respond, scenario.Respond, scenario.Hang, scenario.Slow)
	switch kind {
	case scenario.Stop, scenario.Kill, scenario.Restart:
		target := "order-processor"
		if r.in(4) {
			target = caller
		}
		return kind, fmt.Sprintf("%s: %s%s", kind, target, r.one("", ", only: app", ", only: sidecar"))
	case scenario.Cut:
		return kind, fmt.Sprintf("cut: %s%s", link, way)
	case scenario.Refuse, scenario.Reset:
		return kind, fmt.Sprintf("%s: %s", kind, link)
	case scenario.Latency, scenario.SlowClose:
		return kind, fmt.Sprintf("%s: %s, delay: %s%s", kind, link, delay, way)
	case scenario.Bandwidth:
		return kind, fmt.Sprintf("bandwidth: %s, rate: 1%s", link, way)
	case scenario.Slice:
		return kind, fmt.Sprintf("slice: %s, bytes: %d, delay: %s%s", link, 40+r.IntN(80), r.span(10*time.Millisecond, 200*time.Millisecond), way)
	case scenario.Limit:
		return kind, fmt.Sprintf("limit: %s, bytes: %d%s", link, 100+r.IntN(1500), way)
	case scenario.Respond:
		return kind, fmt.Sprintf("respond: order-processor, status: %s%s", r.one("302", "400", "404", "429", "500", "503", "504", "600"), which)
	case scenario.Hang:
		return kind, "hang: order-processor" + which
	}
	return kind, fmt.Sprintf("slow: order-processor, delay: %s%s", delay, which)
}

// spec draws any policies; where something makes callers wait for ever, a timeout always.
func (r lot) spec(callers []string, silent bool) string {
	named := !r.in(4)
	var policies, target []string
	policy := func(field, section, defaults, text string) {
		name := r.one("Default"+defaults+"Policy", "DefaultApp"+defaults+"Policy")
		if named {
			name = "mine"
			target = append(target, field+": mine")
		}
		policies = append(policies, fmt.Sprintf("    %s: { %s: %s }", section, name, text))
	}
	if silent || r.in(2) {
		policy("timeout", "timeouts", "Timeout", r.span(100*time.Millisecond, 4*time.Second).String())
	}
	if !r.in(5) {
		text := fmt.Sprintf("duration: %s", r.span(100*time.Millisecond, 3*time.Second))
		if r.in(4) {
			text = fmt.Sprintf("policy: exponential, maxInterval: %s", r.span(200*time.Millisecond, 6*time.Second))
		}
		if !r.in(3) {
			text += fmt.Sprintf(", maxRetries: %d", r.IntN(8)-1)
		}
		if r.in(4) {
			text += fmt.Sprintf(", matching: { httpStatusCodes: %q }", r.one("500-599", "429,500-504", "404", "503"))
		}
		policy("retry", "retries", "Retry", "{ "+text+" }")
	}
	if !r.in(4) {
		trip := fmt.Sprintf(r.one("consecutiveFailures >= %d", "totalFailures > %d", "requests > %d", "consecutiveFailures > %d && totalSuccesses >= 1",
			"requests >= %d && double(totalFailures) / double(requests) > 0.5"), 1+r.IntN(6))
		text := fmt.Sprintf("timeout: %s, maxRequests: %d, trip: %q", r.span(200*time.Millisecond, 5*time.Second), 1+r.IntN(3), trip)
		if r.in(3) {
			text += fmt.Sprintf(", interval: %s", r.span(500*time.Millisecond, 6*time.Second))
		}
		policy("circuitBreaker", "circuitBreakers", "CircuitBreaker", "{ "+text+" }")
	}
	if len(policies) == 0 {
		policies = append(policies, "    timeouts: { spare: 5s }")
	}
	text := "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: drawn }\n"
	if r.in(6) {
		text += fmt.Sprintf("scopes: [ %s ]\n", strings.Join(callers, ", "))
	}
	text += "spec:\n  policies:\n" + strings.Join(policies, "\n") + "\n"
	if named {
		text += "  targets: { apps: { order-processor: { " + strings.Join(target, ", ") + " } } }\n"
	}
	return text
}
