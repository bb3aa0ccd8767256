package oracle_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A setting is what a made run is about. Its zero value is the home story, with one caller.
type setting struct {
	seed                    uint64
	retry, breaker, timeout string // fields of the policies, in one line; "" for none of that kind
	defaults                bool   // the policies are defaults, no target names the app
	bare                    bool   // there is no spec at all
	callers                 int
	every                   time.Duration
	part                    string // of order-processor that stops; "" for both, "none" for no fault
	at, outage              time.Duration
	slow                    time.Duration // how long the app takes
	status                  int           // the app answers so during the fault, instead of being gone
	stall                   time.Duration // the machine stops for up to so long, now and then
	hang                    bool          // the app takes for ever during the fault, instead of being gone
	again                   bool          // the fault comes a second time, soon after it was healed
	most                    int           // orders of each caller after recovery; 5 by default
	probe                   time.Duration // after the first opening the harness sends an order of its own
}

// A world plays a setting with a sidecar made only of rules, and writes the history that observers would. A rogue's
// name bends one of the rules.
type world struct {
	setting
	rogue    string
	policies resiliency.Policies
	spec     *resiliency.Spec
	plan     scenario.Plan
	rng      *rand.Rand

	now    time.Duration
	queue  moments
	stalls [][2]time.Duration
	over   bool

	events   []history.Event
	seq      map[string]uint64
	conns    map[string]uint64
	traces   int
	orders   int
	accepted map[int]int // by caller: orders since the target was ready again
	cut      *breaker
	gone     map[string]bool // parts of order-processor
	broken   bool            // the fault is in force
	lives    int             // grows when a part of order-processor ends
	healed   bool            // for good
	healedAt time.Duration
	probed   bool
}

// A moment is something that will happen.
type moment struct {
	at time.Duration
	n  int
	do func()
}

type moments []moment

func (m moments) Len() int { return len(m) }
func (m moments) Less(i, j int) bool {
	return m[i].at < m[j].at || (m[i].at == m[j].at && m[i].n < m[j].n)
}
func (m moments) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(x any)   { *m = append(*m, x.(moment)) }
func (m *moments) Pop() any {
	old := *m
	last := old[len(old)-1]
	*m = old[:len(old)-1]
	return last
}

// made plays a setting and gives the case to judge.
func made(t testing.TB, s setting, rogue string) oracle.Case {
	t.Helper()
	w := &world{
		setting: s, rogue: rogue, rng: rand.New(rand.NewPCG(s.seed, 1)), seq: map[string]uint64{}, conns: map[string]uint64{},
		accepted: map[int]int{}, gone: map[string]bool{},
	}
	w.fill()
	w.parse(t)
	w.play()
	h := &history.History{
		Header: history.Header{Format: history.Format, Run: "made", Scenario: w.plan.Scenario.Name, Env: "process", Sidecar: "builtin"},
		Events: w.events,
	}
	slices.SortStableFunc(h.Events, func(a, b history.Event) int { return int(a.At - b.At) })
	return oracle.Case{Plan: w.plan, Spec: w.spec, History: h}
}

func (w *world) fill() {
	if w.retry == "" && w.breaker == "" && w.timeout == "" && !w.bare {
		w.retry, w.breaker = "duration: 5s, maxRetries: -1", "maxRequests: 1, timeout: 5s, trip: consecutiveFailures >= 5"
	}
	w.callers = max(w.callers, 1)
	w.most = max(w.most, 5)
	if w.every == 0 {
		w.every = time.Second
	}
	if w.at == 0 {
		w.at = 4300 * time.Millisecond
	}
	if w.outage == 0 {
		w.outage = 45 * time.Second
	}
	for at := time.Second; w.stall > 0 && at < time.Hour; {
		length := time.Duration(w.rng.Int64N(int64(w.stall)))
		w.stalls = append(w.stalls, [2]time.Duration{at, at + length})
		at += length + time.Second + time.Duration(w.rng.Int64N(int64(3*time.Second)))
	}
}

// yaml gives the spec of a setting.
func (s setting) yaml() string {
	var b strings.Builder
	b.WriteString("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: myresiliency }\nspec:\n  policies:\n")
	retry, breaker, timeout := "theRetry", "theBreaker", "theTimeout"
	if s.defaults {
		retry, breaker, timeout = "DefaultRetryPolicy", "DefaultCircuitBreakerPolicy", "DefaultTimeoutPolicy"
	}
	var target []string
	if s.timeout != "" {
		fmt.Fprintf(&b, "    timeouts: { %s: %s }\n", timeout, s.timeout)
		target = append(target, "timeout: "+timeout)
	}
	if s.retry != "" {
		fmt.Fprintf(&b, "    retries: { %s: { %s } }\n", retry, s.retry)
		target = append(target, "retry: "+retry)
	}
	if s.breaker != "" {
		fmt.Fprintf(&b, "    circuitBreakers: { %s: { %s } }\n", breaker, s.breaker)
		target = append(target, "circuitBreaker: "+breaker)
	}
	if !s.defaults {
		fmt.Fprintf(&b, "  targets: { apps: { order-processor: { %s } } }\n", strings.Join(target, ", "))
	}
	return b.String()
}

func (w *world) parse(t testing.TB) {
	t.Helper()
	text := "name: made\nwhy: made\n"
	if !w.bare {
		text += "resiliency: resiliency.yaml\n"
		var problems error
		w.spec, problems = parse([]byte(w.yaml()))
		require.NoError(t, problems, w.yaml())
	}
	text += fmt.Sprintf("services:\n  order-processor: { app: order-processor }\n  checkout: { app: checkout, sends: { to: order-processor, every: %s, callers: %d } }\n", w.every, w.callers)
	text += "timeline:\n  - wait: { orders: 1 }\n"
	fault := "stop: order-processor"
	switch {
	case w.hang:
		fault = "cut: order-processor->app"
	case w.status != 0:
		fault = "latency: order-processor->app, delay: 40ms"
	case w.part != "":
		fault += ", only: " + w.part
	}
	for range w.faults() {
		text += fmt.Sprintf("  - fault: { %s, for: %s }\n  - wait: { recovered: checkout }\n", fault, w.outage)
	}
	s, problems := scenario.Parse("made/scenario.yaml", []byte(text))
	require.NoError(t, problems.Err(), text)
	w.plan = scenario.NewPlan(s, w.spec)
	w.policies = w.spec.For("checkout", "order-processor")
	if w.policies.Breaker != nil {
		w.cut = newBreaker(t, w, *w.policies.Breaker)
	}
}

// after does something later, by the clock of a machine that may stall.
func (w *world) after(d time.Duration, do func()) {
	at := w.now + max(d, 0)
	for _, s := range w.stalls {
		if s[0] > at {
			break
		}
		if at < s[1] {
			at = s[1]
		}
	}
	w.traces++
	heap.Push(&w.queue, moment{at, w.traces, do})
}

// hop is a moment: what a wake-up, a line through a pipe or a hop between processes takes.
func (w *world) hop() time.Duration {
	return 50*time.Microsecond + time.Duration(w.rng.Int64N(int64(1500*time.Microsecond)))
}

func (w *world) record(e history.Event) {
	e.At, e.Run = w.now, "made"
	w.seq[e.Source]++
	e.Seq = w.seq[e.Source]
	w.events = append(w.events, e)
}

func (w *world) phase(text string) {
	w.record(history.Event{Source: history.Runner, Kind: history.KindPhase, Text: text})
}

func (w *world) tell(kind history.Kind, service, part, text string) {
	w.record(history.Event{Source: history.Runner, Kind: kind, Service: service, Part: part, Text: text, Attrs: map[string]string{"wanted": "true"}})
}

func (w *world) line(text string) {
	w.after(w.hop(), func() {
		w.record(history.Event{Source: history.Output("checkout", history.Sidecar), Kind: history.KindLine, Service: "checkout", Part: history.Sidecar, Text: "INFO[0000] " + text})
	})
}

func (w *world) play() {
	w.phase(history.PhaseBringUp)
	w.line("dapr initialized. Status: Running.")
	w.after(100*time.Millisecond, func() {
		if w.spec != nil {
			w.record(history.Event{Source: history.Runner, Kind: history.KindPolicy, Service: "checkout", ID: "myresiliency", Text: map[bool]string{true: "missing", false: "loaded"}[w.rogue == "policy_silently_not_loaded"]})
		}
		for _, p := range []string{history.App, history.Sidecar} {
			w.tell(history.KindReady, "order-processor", p, "")
		}
		w.phase(history.PhaseLoad)
		for k := range w.callers {
			w.after(time.Duration(k)*w.every/time.Duration(w.callers)+w.hop(), func() { w.order(k) })
		}
		w.tick()
	})
	w.after(w.at, func() { w.breakIt(0) })
	limit := w.at + w.outage + 3*time.Minute + 2*time.Duration(w.most)*w.every
	for len(w.queue) > 0 && !w.over && w.now < limit {
		m := heap.Pop(&w.queue).(moment)
		w.now = m.at
		m.do()
	}
	w.phase(history.PhaseTeardown)
}

func (w *world) tick() {
	late := time.Millisecond
	for _, s := range w.stalls {
		if s[1] > w.now-2*time.Second && s[0] < w.now {
			late = max(late, s[1]-s[0])
		}
	}
	w.record(history.Event{Source: history.Runner, Kind: history.KindTick, Attrs: map[string]string{"late_ns": strconv.Itoa(int(late)), "period_ns": "1000000000"}})
	w.after(time.Second, w.tick)
}

// faults is how many there are.
func (w *world) faults() int {
	switch {
	case w.part == "none":
		return 0
	case w.again:
		return 2
	}
	return 1
}

// breakIt is the n-th fault and its healing; what comes after the last one is what comes after recovery.
func (w *world) breakIt(n int) {
	if n == w.faults() {
		w.healed, w.healedAt = true, w.now
		return
	}
	name := ""
	for i, s := range w.plan.Scenario.Timeline {
		if s.Fault != nil && i == 1+2*n {
			name = s.Fault.Name
		}
	}
	report := func(text string) {
		w.record(history.Event{Source: history.Runner, Kind: history.KindFault, ID: name, Text: text})
	}
	parts := []string{history.App, history.Sidecar}
	if w.part != "" {
		parts = []string{w.part}
	}
	if w.status != 0 || w.hang {
		parts = nil
	}
	report("injected")
	w.after(w.hop(), func() {
		for _, p := range parts {
			w.gone[p] = true
			w.lives++
			w.tell(history.KindExit, "order-processor", p, "exit 0")
		}
		w.broken = true
		report("applied")
	})
	w.after(w.outage, func() {
		report("healing")
		w.after(w.hop(), func() {
			for _, p := range parts {
				w.gone[p] = false
				w.tell(history.KindReady, "order-processor", p, "")
			}
			w.broken = false
			report("healed")
			if n+1 == w.faults() {
				w.breakIt(n + 1)
			} else {
				w.after(w.outage+5*time.Second, func() { w.breakIt(n + 1) })
			}
		})
	})
}
