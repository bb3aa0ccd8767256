package explore_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/explore"
	"github.com/halfopen/halfopen/harness/heap"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

const quickstart = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: x }
spec:
  policies:
    retries: { r: { duration: 5s, maxRetries: -1 } }
    circuitBreakers: { b: { timeout: 5s, trip: consecutiveFailures >= 5 } }
  targets: { apps: { b: { retry: r, circuitBreaker: b } } }
`

func read(t testing.TB, text string) *resiliency.Spec {
	t.Helper()
	spec, problems := resiliency.Parse("x.yaml", []byte(text))
	require.Empty(t, problems)
	return spec
}

func question(spec *resiliency.Spec, cases int) explore.Question {
	return explore.Question{Target: "b", Caller: "a", Cases: cases, Seed: 1, Apart: 100 * time.Millisecond}.WithDefaults(spec)
}

func find(spec *resiliency.Spec, q explore.Question) explore.Result {
	s := explore.NewSweeper(q, spec)
	samples := make([]explore.Sample, q.Cases)
	s.Sweep(samples, 0)
	return s.Find(samples)
}

func TestTheQuickstartExplored(t *testing.T) {
	spec := read(t, quickstart)
	q := question(spec, 3000)
	q.Faults, q.Callers = []string{scenario.Stop}, explore.Range{Lo: 1, Hi: 3}
	r := find(spec, q)
	require.Equal(t, q.Cases, r.Told)
	require.Len(t, r.Worst, 3)
	require.InDelta(t, 5, r.Worst[0].Value, 0.001, "the breaker's open time is the retry gap: the next retry is the probe")
	require.LessOrEqual(t, r.Worst[0].Value, 5.0)
	require.InDelta(t, q.Outage.Hi.Seconds(), r.Worst[1].Value, 5, "−1 hangs for as long as the outage lasts, and a gap")
	var said []string
	for _, c := range r.Changes {
		said = append(said, c.String())
	}
	text := strings.Join(said, "\n")
	for _, want := range []string{
		"from 2 callers on (stop): maxRetries −1 gives up", "from an outage of 20.001s on (stop, one caller): the breaker opens",
		"from an outage of 10.001s on (stop, 2 callers): the breaker opens",
	} {
		require.Contains(t, text, want)
	}
}

// Each share of failures is followed, and where the breaker begins to open is exact to a thousandth of all requests.
func TestAShareOfFailuresIsSwept(t *testing.T) {
	spec := read(t, strings.Replace(quickstart, "duration: 5s, maxRetries: -1", "duration: 500ms, maxRetries: 1", 1))
	q := question(spec, 2000)
	require.Equal(t, explore.Kinds(), q.Faults, "a sweep takes all kinds by itself")
	q.Faults, q.Callers = []string{scenario.Respond}, explore.Range{Lo: 1, Hi: 2}
	r := find(spec, q)
	require.Equal(t, q.Cases, r.Told, r.Cut)
	require.Len(t, r.Worst, 3)
	require.InDelta(t, 2, r.Worst[2].Value, 0.001, "at worst each order fails twice")
	changes := 0
	for _, c := range r.Changes {
		if c.Dimension != "ratio" {
			continue
		}
		changes++
		require.InDelta(t, 0.001, c.At.Ratio-c.Below.Ratio, 1e-9)
		require.Contains(t, c.String(), "% failures on (respond")
	}
	require.Positive(t, changes)
	var b bytes.Buffer
	explore.WriteText(&b, r)
	require.Contains(t, b.String(), "failures 10 to 100 %")
}

// The same seed gives the same bytes, however the cases are shared out; another seed gives others.
func TestASweepIsTheSameAgain(t *testing.T) {
	spec := read(t, quickstart)
	q := question(spec, 600)
	q.Callers = explore.Range{Lo: 1, Hi: 2}
	whole := func(q explore.Question, chunk int) string {
		samples := make([]explore.Sample, q.Cases)
		for n := 0; n < len(samples); n += chunk {
			explore.NewSweeper(q, spec).Sweep(samples[n:min(n+chunk, len(samples))], n)
		}
		r := explore.NewSweeper(q, spec).Find(samples)
		var b bytes.Buffer
		explore.WriteText(&b, r)
		require.NoError(t, explore.WriteCSV(&b, r))
		b.Write(explore.HTML(r))
		return b.String()
	}
	once := whole(q, 600)
	require.Equal(t, once, whole(q, 37))
	q.Seed = 2
	require.NotEqual(t, once, whole(q, 600))
}

// A way that is drawn is one of the ways in which a case may go: no figure of it lies outside of theirs.
func TestADrawnWayIsOneOfAllWays(t *testing.T) {
	decided := 0
	for _, text := range []string{
		quickstart,
		strings.Replace(quickstart, "timeout: 5s", "timeout: 12s, interval: 20s, maxRequests: 2", 1),
		strings.Replace(quickstart, "duration: 5s, maxRetries: -1", "duration: 500ms, maxRetries: 3", 1),
		strings.Replace(quickstart, "duration: 5s, maxRetries: -1", "policy: exponential, maxInterval: 2s, maxRetries: 2", 1),
	} {
		spec := read(t, text)
		q := question(spec, 120)
		q.Callers, q.Outage.Hi = explore.Range{Lo: 1, Hi: 2}, 12*time.Second
		samples := make([]explore.Sample, q.Cases)
		explore.NewSweeper(q, spec).Sweep(samples, 0)
		seer := oracle.NewSeer(spec)
		for _, x := range samples {
			least, most := seer.All(scenario.NewPlan(q.Scenario(x.Case), spec))
			if most.Cut != "" {
				continue
			}
			decided++
			require.True(t, least.Within(x.Toll) && x.Toll.Within(most), "%s\n%s\nleast %+v\ndrawn %+v\nmost  %+v", text, x.Case, least, x.Toll, most)
		}
	}
	require.Greater(t, decided, 200)
}

// The longest recovery is that of an order which comes just before the open breaker lets one pass. What a scenario plays
// keeps away from that, so that callers that are some milliseconds late show it all the same.
func TestCallersThatAreLateShowTheWorstRecovery(t *testing.T) {
	spec := read(t, strings.Replace(strings.Replace(quickstart, "duration: 5s, maxRetries: -1", "duration: 2s, maxRetries: 10", 1), "timeout: 5s", "timeout: 15s", 1))
	q := question(spec, 8000)
	q.Faults, q.Callers, q.Every.Lo = []string{scenario.Stop}, explore.Range{Lo: 1, Hi: 1}, 3*time.Second
	r := find(spec, q)
	w := r.Worst[0]
	require.Greater(t, w.Value, 18.0)
	seer := oracle.NewSeer(spec)
	for _, by := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond} {
		late := w.Shown
		late.Every += by
		least, _ := seer.All(scenario.NewPlan(q.Scenario(late), spec))
		require.InDelta(t, w.Least.Recovery.Seconds(), least.Recovery.Seconds(), 0.2, "%s, each pause %s longer", w.Shown, by)
	}
}

func TestAnEditThatChangesNothingThatHappensIsNone(t *testing.T) {
	outlasts := strings.Replace(quickstart, "timeout: 5s", "timeout: 8s", 1)
	q := question(read(t, outlasts), 20)
	q.Faults, q.Callers = []string{scenario.Stop}, explore.Range{Lo: 1, Hi: 1}
	bounded := read(t, strings.Replace(outlasts, "maxRetries: -1", "maxRetries: 9", 1))
	c := explore.Compare(find(read(t, outlasts), q), find(bounded, q))
	require.NotEqual(t, c.Old, c.New)
	require.Zero(t, c.Differ)
	require.Empty(t, c.Gone, "maxRetries is named, and yet the breaker ends it before")
	require.Empty(t, c.Come)
}

// How a figure may go is said only where ties leave it open, not where they leave another figure open.
func TestAFigureThatIsTheSameInAllWaysIsSaidOnce(t *testing.T) {
	w := explore.Worst{What: "recovery", Toll: oracle.Toll{Recovery: 5 * time.Second}}
	w.Least, w.Most = oracle.Toll{Recovery: 5 * time.Second, Crossed: 3}, oracle.Toll{Recovery: 5 * time.Second, Crossed: 4, Ways: 2}
	require.Equal(t, "5s after the fault is healed the first order is accepted again", w.Sentence())
	w.Most.Recovery = 6 * time.Second
	require.Contains(t, w.Sentence(), "again; its scenario shows 5s to 6s, in 2 ways in which it may go")
	require.Contains(t, w.Why(w.Most), "The forecast is 6s at most until")
	w.What = "amplification"
	require.Contains(t, w.Sentence(), "shows 3 to 4 attempts, in 2 ways")
	w.What, w.Most.Hang = "hang", w.Least.Hang
	require.Contains(t, w.Why(w.Most), "waits 0s for its answer")
}

func TestARatioIsWrittenToAThousandth(t *testing.T) {
	require.Contains(t, explore.Case{Fault: scenario.Respond, Ratio: 0.241}.String(), "answers 24.1 % of")
}

// A scenario as a file is the scenario that was played.
func TestAScenarioIsWrittenAsItWasPlayed(t *testing.T) {
	q := question(read(t, quickstart), 1)
	q.Timeout = 1500 * time.Millisecond
	for n := range 400 {
		c := q.Case(n)
		want := q.Scenario(c)
		got, problems := scenario.Parse("explored/scenario.yaml", q.YAML("explored", "why: not", c))
		require.Empty(t, problems)
		require.Equal(t, want.Seed, got.Seed)
		require.Equal(t, want.Services[1].Sends.Every, got.Services[1].Sends.Every)
		require.Equal(t, want.Services[1].Sends.Callers, got.Services[1].Sends.Callers)
		require.Equal(t, want.Services[1].Sends.Timeout, got.Services[1].Sends.Timeout)
		require.Len(t, got.Timeline, len(want.Timeline))
		require.Equal(t, want.Timeline[0].Wait.For, got.Timeline[0].Wait.For)
		require.Equal(t, *want.Timeline[1].Fault, *got.Timeline[1].Fault)
	}
}

func TestAnEditIsCompared(t *testing.T) {
	was := read(t, quickstart)
	is := read(t, strings.Replace(quickstart, "timeout: 5s", "timeout: 8s", 1))
	q := question(was, 1500)
	q.Faults, q.Callers = []string{scenario.Stop}, explore.Range{Lo: 1, Hi: 2}
	same := explore.Compare(find(was, q), find(was, q))
	require.Zero(t, same.Differ)
	require.Empty(t, same.Gone)
	require.Empty(t, same.Come)
	c := explore.Compare(find(was, q), find(is, q))
	require.Equal(t, 1500, c.Cases)
	require.Positive(t, c.Differ)
	require.Greater(t, c.Figures[0].NewWorst, 7.9, "open for longer than the gap: the retry ends, and the next order comes when it may")
	require.Less(t, c.Figures[1].NewWorst, c.Figures[1].OldWorst, "and no order hangs for ever")
	require.Contains(t, strings.Join(c.Come, "\n"), "stop, one caller): the breaker opens")
	var b bytes.Buffer
	explore.WriteComparison(&b, c)
	for _, want := range []string{"cases differ", "cases that differ most", "what holds from now on"} {
		require.Contains(t, b.String(), want)
	}
}

// At least 20 000 cases a second on two cores, and twice the cases take twice the time.
func BenchmarkSweep(b *testing.B) {
	spec := read(b, quickstart)
	for _, cases := range []int{5_000, 10_000, 20_000, 40_000} {
		b.Run(fmt.Sprint(cases), func(b *testing.B) {
			q := question(spec, cases)
			samples := make([]explore.Sample, cases)
			before := used()
			for b.Loop() {
				var all sync.WaitGroup
				workers := runtime.GOMAXPROCS(0)
				for w := range workers {
					all.Go(func() {
						explore.NewSweeper(q, spec).Sweep(samples[w*cases/workers:(w+1)*cases/workers], w*cases/workers)
					})
				}
				all.Wait()
			}
			b.ReportMetric(float64(b.N*cases)/b.Elapsed().Seconds(), "cases/s")
			b.ReportMetric(float64(b.N*cases)/(used()-before).Seconds(), "cases/core-s") // what others leave of the machine
		})
	}
}

// used is the processor's time that this program has taken.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Anything at all as a spec: an answer within 100 MB, and never a panic.
func FuzzExplore(f *testing.F) {
	f.Add(quickstart, 1, int64(time.Second), uint64(1))
	f.Add(strings.ReplaceAll(quickstart, "5s", "1ns"), 32, int64(1), uint64(2))
	f.Add(strings.Replace(quickstart, "consecutiveFailures >= 5", "requests / 0 > 1 || nonsense", 1), 3, int64(time.Hour), uint64(3))
	f.Add(strings.Replace(quickstart, "duration: 5s", "policy: exponential, maxInterval: 0s", 1), 2, int64(time.Minute), uint64(4))
	f.Add(strings.Replace(quickstart, "duration: 5s", "duration: 2562047h, maxRetries: 1000000000", 1), 2, int64(time.Minute), uint64(5))
	f.Fuzz(func(t *testing.T, text string, callers int, span int64, seed uint64) {
		spec, _ := resiliency.Parse("x.yaml", []byte(text))
		q := explore.Question{
			Target: "b", Caller: "a", Cases: 10, Seed: seed, Apart: time.Duration(seed % uint64(time.Second)),
			Callers: explore.Range{Lo: 1, Hi: 2}, Faults: explore.Kinds()[seed%4:][:1],
		}
		if callers%2 == 0 {
			q.Callers = explore.Range{Lo: 1, Hi: 1 + int(uint(callers)%explore.MostCallers)}
		}
		if span%2 == 0 {
			d := time.Millisecond + time.Duration(uint64(span)%uint64(time.Hour))
			q.Outage, q.Every = explore.Span{Lo: time.Millisecond, Hi: d}, explore.Span{Lo: d/1000 + time.Millisecond, Hi: d + time.Millisecond}
		}
		most := heap.Most(func() {
			s := explore.NewSweeper(q.WithDefaults(spec), spec)
			s.Coarse(4)
			samples := make([]explore.Sample, q.Cases)
			s.Sweep(samples, 0)
			r := s.Find(samples)
			var b bytes.Buffer
			explore.WriteText(&b, r)
			require.NoError(t, explore.WriteCSV(&b, r))
			b.Write(explore.HTML(r))
			explore.WriteComparison(&b, explore.Compare(r, r))
			require.NotZero(t, b.Len())
		})
		require.LessOrEqual(t, most, uint64(heap.Limit), "bytes of memory")
	})
}
