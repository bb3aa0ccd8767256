// Package envtest is the conformance test that every environment passes: each fault bites, heals, and leaves
// nothing behind.
package envtest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/harnesstest"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An Environment is what the conformance test needs to know of one.
type Environment struct {
	Start env.Start
	// Left lists what still exists of a run: processes, containers, networks.
	Left func(t testing.TB, run string) []string
	// Around runs a case of the test in a bubble of virtual time; nil for real time. There, parts are no programs.
	Around func(t *testing.T, run func(*testing.T))
	// Unsupported is told the faults that this environment can't do; nil where it can do all.
	Unsupported func(f scenario.Fault)
}

// spec retries fast, so that a test sees the other side of a fault soon.
const spec = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: fast
spec:
  policies:
    retries:
      fast: { policy: constant, duration: 500ms, maxRetries: -1 }
  targets:
    apps:
      order-processor: { retry: fast }
`

// links of the conformance scenario.
const (
	toSidecar = "checkout->sidecar"
	toPeer    = "checkout->order-processor"
	toApp     = "order-processor->app"
)

// A rig is one environment brought up, with its history.
type rig struct {
	t   testing.TB
	e   Environment
	env env.Env
	rec *history.Recorder
	run string
}

func config(t testing.TB, e Environment, run string) env.Config {
	plan := scenario.NewPlan(scenario.Scenario{
		Name: "conformance",
		Services: []scenario.Service{
			{Name: "order-processor", App: "order-processor", Port: 6001},
			{Name: "checkout", App: "checkout", Sends: &scenario.Sends{
				To: "order-processor", Method: "POST", Path: "orders", Body: `{"orderId":{{.ID}}}`,
				Every: 100 * time.Millisecond, Callers: 1, Until: "accepted",
			}},
		},
		// What is done at an app's door must be known beforehand: that is all that this timeline is for.
		Timeline: []scenario.Step{{Fault: &scenario.Fault{Name: "door", Kind: scenario.Respond, Link: toApp}}},
	}, nil)
	binary := ""
	if e.Around == nil {
		binary = harnesstest.Binary(t)
	}
	return env.Config{
		Run: run, Dir: t.TempDir(), Binary: binary, Plan: plan,
		Specs:     map[string][]byte{"checkout": []byte(spec), "order-processor": []byte(spec)},
		SpecNames: []string{"fast"},
	}
}

// bringUp starts an environment and its load, and closes it when the test ends.
func bringUp(t testing.TB, e Environment) *rig {
	t.Helper()
	run := "envtest-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())) + "-" + time.Now().Format("150405.000000")
	run = strings.ReplaceAll(run, ".", "-")
	r := &rig{t: t, e: e, run: run}
	var err error
	r.rec, err = history.NewRecorder(io.Discard, history.Header{Run: run})
	require.NoError(t, err)
	ticking, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(stop)
	go history.Metronome(ticking, history.Runner, r.rec.Record)
	c := config(t, e, run)
	c.Record = r.rec
	r.env, err = e.Start(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, r.env.Close(context.WithoutCancel(t.Context())))
		require.Empty(t, e.Left(t, run), "left behind")
	})
	require.NoError(t, r.env.Load(t.Context()))
	return r
}

// await waits for an event from the n-th on and gives it; the environment is real, so it waits for what is
// recorded and never for a time.
func (r *rig) await(from int, what string, want func(history.Event) bool) history.Event {
	r.t.Helper()
	const patience = 30 * time.Second
	giveUp := time.After(patience)
	for n := from; ; {
		events, more := r.rec.Since(n)
		for _, e := range events {
			if want(e) {
				return e
			}
		}
		n += len(events)
		select {
		case <-more:
		case <-giveUp:
			all, _ := r.rec.Since(max(from, n-30))
			r.t.Fatalf("never seen: %s; the last events:\n%s", what, tell(all))
		}
	}
}

func tell(events []history.Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(e.At.String() + " " + e.Source + " " + string(e.Kind) + " " + e.Service + e.Link + " " + e.ID + " " + e.Text + e.Error + "\n")
	}
	return b.String()
}

// now is the index of the next event.
func (r *rig) now() int {
	events, _ := r.rec.Since(0)
	return len(events)
}

// apply injects a fault and gives its healing.
func (r *rig) apply(f scenario.Fault) func() {
	r.t.Helper()
	heal, err := r.env.Apply(r.t.Context(), f)
	if errors.Is(err, errors.ErrUnsupported) && r.e.Unsupported != nil {
		r.e.Unsupported(f)
		r.t.Skip(err)
	}
	require.NoError(r.t, err)
	return func() {
		r.t.Helper()
		require.NoError(r.t, heal(r.t.Context()))
	}
}

// accepted waits for an order that is accepted from now on.
func (r *rig) accepted() {
	r.t.Helper()
	r.await(r.now(), "an accepted order", func(e history.Event) bool {
		return e.Kind == history.KindComplete && e.Link == toSidecar && e.Status == 200
	})
	time.Sleep(time.Millisecond) // events of one instant have no order: let it be over, in memory too
}

// failedAttempt waits for an attempt between the sidecars that ends without an answer.
func (r *rig) failedAttempt(from int) history.Event {
	r.t.Helper()
	return r.await(from, "a failed attempt", func(e history.Event) bool {
		return e.Kind == history.KindClose && e.Link == toPeer && e.Attr("open") != ""
	})
}

func is(kind history.Kind, service, part string) func(history.Event) bool {
	return func(e history.Event) bool { return e.Kind == kind && e.Service == service && e.Part == part }
}
