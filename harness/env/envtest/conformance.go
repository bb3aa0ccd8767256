package envtest

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Run is the conformance test.
func Run(t *testing.T, e Environment) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Environment)
	}{
		{"orders_flow_and_every_hop_is_seen", ordersFlow},
		{"a_stopped_target_is_refused_at_once_and_comes_back", stopped(scenario.Stop, "")},
		{"a_stopped_app_fails_behind_its_sidecar", stopped(scenario.Stop, history.App)},
		{"a_stopped_sidecar_comes_back", stopped(scenario.Stop, history.Sidecar)},
		{"a_killed_target_comes_back", stopped(scenario.Kill, "")},
		{"a_paused_app_goes_on_where_it_was", paused},
		{"faults_on_one_target_overlap", overlapping},
		{"a_cut_link_swallows_and_heals", cut},
		{"a_refused_link_resets_and_heals", refused},
		{"a_slow_link_delays_and_heals", slowly(scenario.Fault{Kind: scenario.Latency, Link: toApp, Delay: 300 * time.Millisecond, Direction: "response"}, 300*time.Millisecond)},
		{"a_reset_link_ends_what_is_open_and_heals", reset},
		{"a_thin_link_is_slow_and_heals", slowly(scenario.Fault{Kind: scenario.Bandwidth, Link: toApp, Rate: 1, Direction: "response"}, 100*time.Millisecond)},
		{"a_slicing_link_is_slow_and_heals", slowly(scenario.Fault{Kind: scenario.Slice, Link: toApp, Bytes: 16, Delay: 50 * time.Millisecond, Direction: "response"}, 100*time.Millisecond)},
		{"a_limited_link_breaks_off_and_heals", limited},
		{"a_link_that_closes_slowly_heals", slowClose},
		{"a_door_answers_in_the_apps_place_and_heals", answered},
		{"a_door_answers_the_first_few_only", answeredFirst},
		{"a_door_keeps_requests_and_heals", kept},
		{"a_slow_door_delays_the_answer_and_heals", slowly(scenario.Fault{Kind: scenario.Slow, Link: toApp, Delay: 300 * time.Millisecond}, 300*time.Millisecond)},
		{"a_restarted_target_is_back_at_once", restarted},
		{"faults_of_different_kinds_heal_in_any_order", mixed},
		{"an_order_of_the_harness_itself_goes_through", ownOrder},
		{"an_end_that_nobody_asked_for_is_told", unaskedEnd},
		{"a_failing_start_leaves_nothing", failingStart},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if e.Around == nil {
				c.run(t, e)
				return
			}
			e.Around(t, func(t *testing.T) { c.run(t, e) })
		})
	}
}

func ordersFlow(t *testing.T, e Environment) {
	r := bringUp(t, e)
	for _, part := range []string{history.App, history.Sidecar} {
		r.await(0, "order-processor/"+part+" ready", is(history.KindReady, "order-processor", part))
	}
	r.await(0, "the policy's proof", func(e history.Event) bool {
		return e.Kind == history.KindPolicy && e.Service == "checkout" && e.ID == "fast" && e.Text == "loaded"
	})
	first := r.await(0, "the first order", func(e history.Event) bool {
		return e.Kind == history.KindRequest && e.Link == toSidecar
	})
	require.NotEmpty(t, first.Op, "the order carries a trace id")
	for _, l := range []string{toSidecar, toPeer, toApp} {
		r.await(0, "the order on "+l, func(e history.Event) bool {
			return e.Kind == history.KindComplete && e.Link == l && e.Op == first.Op && e.ID == first.ID && e.Status == 200
		})
	}
	r.await(0, "order-processor's words", func(e history.Event) bool {
		return e.Kind == history.KindLine && e.Service == "order-processor" && e.Text == `Order received: {"orderId":1}`
	})
	r.await(0, "checkout's words", func(e history.Event) bool {
		return e.Kind == history.KindLine && e.Service == "checkout" && e.Text == `Order passed: {"orderId":1}`
	})
}

// stopped ends the target or one part of it, and has it come back.
func stopped(kind, part string) func(*testing.T, Environment) {
	return func(t *testing.T, e Environment) {
		r := bringUp(t, e)
		r.accepted()
		from := r.now()
		heal := r.apply(scenario.Fault{Name: "down", Kind: kind, Service: "order-processor", Part: part})
		parts := []string{history.App, history.Sidecar}
		if part != "" {
			parts = []string{part}
		}
		for _, p := range parts {
			exit := r.await(from, p+"'s end", is(history.KindExit, "order-processor", p))
			require.Equal(t, "true", exit.Attr("wanted"))
			if kind == scenario.Kill {
				require.Equal(t, "signal killed", exit.Text)
			} else {
				require.Equal(t, "exit 0", exit.Text)
			}
		}
		down := r.now()
		request := r.await(down, "an attempt", func(e history.Event) bool { return e.Kind == history.KindRequest && e.Link == toPeer })
		end := r.await(down, "the attempt's end", func(e history.Event) bool {
			failed := e.Kind == history.KindClose && e.Attr("open") != ""
			answered := e.Kind == history.KindComplete && e.Op == request.Op && e.Status >= 500
			return e.Link == toPeer && (failed || answered)
		})
		require.Less(t, end.At-request.At, 2*time.Second, "a stopped target refuses at once")
		from = r.now()
		heal()
		for _, p := range parts {
			r.await(from, p+" ready again", is(history.KindReady, "order-processor", p))
		}
		r.accepted()
	}
}

func paused(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	heal := r.apply(scenario.Fault{Name: "frozen", Kind: scenario.Pause, Service: "order-processor", Part: history.App})
	var request history.Event // the last one to the app that has no answer yet
	r.await(0, "an order that waits", func(e history.Event) bool {
		switch {
		case e.Link == toApp && e.Kind == history.KindRequest:
			request = e
		case e.Link == toApp && e.Kind == history.KindComplete && e.Op == request.Op:
			request = history.Event{}
		}
		return e.Kind == history.KindTick && request.Op != "" && e.At > request.At+500*time.Millisecond
	})
	heal()
	r.await(0, "its answer", func(e history.Event) bool {
		return e.Kind == history.KindComplete && e.Link == toApp && e.Op == request.Op && e.Status == 200
	})
	events, _ := r.rec.Since(0)
	for _, e := range events {
		require.NotEqual(t, history.KindExit, e.Kind, "a paused part does not end")
	}
}

func overlapping(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	healWhole := r.apply(scenario.Fault{Name: "whole", Kind: scenario.Stop, Service: "order-processor"})
	healApp := r.apply(scenario.Fault{Name: "app", Kind: scenario.Kill, Service: "order-processor", Part: history.App})
	from := r.now()
	healWhole()
	r.await(from, "the sidecar back", is(history.KindReady, "order-processor", history.Sidecar))
	events, _ := r.rec.Since(from)
	for _, e := range events {
		require.False(t, is(history.KindReady, "order-processor", history.App)(e), "the other fault still holds the app down")
	}
	healApp()
	r.accepted()
}

func cut(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	heal := r.apply(scenario.Fault{Name: "hole", Kind: scenario.Cut, Link: toPeer})
	from := r.now()
	request := r.await(from, "an attempt", func(e history.Event) bool { return e.Kind == history.KindRequest && e.Link == toPeer })
	// The next tick of the metronome is proof that time went by without an answer.
	r.await(r.now(), "time going by", func(e history.Event) bool { return e.At > request.At+time.Second })
	events, _ := r.rec.Since(from)
	for _, e := range events {
		require.False(t, e.Kind == history.KindResponse && e.Op == request.Op, "a cut link answers nothing")
	}
	heal()
	r.failedAttempt(from)
	r.accepted()
}

func refused(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	from := r.now()
	heal := r.apply(scenario.Fault{Name: "shut", Kind: scenario.Refuse, Link: toPeer})
	r.await(from, "a refused attempt that is known by its order", func(e history.Event) bool {
		return e.Kind == history.KindRequest && e.Link == toPeer && e.ID != ""
	})
	require.Equal(t, "tap", r.failedAttempt(from).Attr("by"))
	heal()
	r.accepted()
}

// slowly puts a fault on that delays answers by a time at least.
func slowly(f scenario.Fault, delay time.Duration) func(*testing.T, Environment) {
	return func(t *testing.T, e Environment) {
		r := bringUp(t, e)
		r.accepted()
		f.Name = "slow"
		heal := r.apply(f)
		require.GreaterOrEqual(t, r.took(), delay)
		heal()
		r.took() // may have begun before
		require.Less(t, r.took(), delay)
	}
}

// took is how long the app's side takes for an order from now on, to its last byte.
func (r *rig) took() time.Duration {
	r.t.Helper()
	request := r.await(r.now(), "a request", func(e history.Event) bool { return e.Kind == history.KindRequest && e.Link == toApp })
	answer := r.await(0, "its answer", func(e history.Event) bool {
		return e.Kind == history.KindComplete && e.Link == toApp && e.Op == request.Op
	})
	return answer.At - request.At
}

func reset(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	from := r.now()
	heal := r.apply(scenario.Fault{Name: "torn", Kind: scenario.Reset, Link: toPeer})
	r.failedAttempt(from)
	heal()
	r.accepted()
}

func limited(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	from := r.now()
	heal := r.apply(scenario.Fault{Name: "short", Kind: scenario.Limit, Link: toPeer, Bytes: 60, Direction: "response"})
	r.failedAttempt(from)
	heal()
	r.accepted()
}

// slowClose has the app end: the link passes that on late.
func slowClose(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	mend := r.apply(scenario.Fault{Name: "late", Kind: scenario.SlowClose, Link: toApp, Delay: 700 * time.Millisecond})
	from := r.now()
	heal := r.apply(scenario.Fault{Name: "down", Kind: scenario.Kill, Service: "order-processor", Part: history.App})
	exit := r.await(from, "the app's end", is(history.KindExit, "order-processor", history.App))
	end := r.await(from, "the connection's end", func(e history.Event) bool {
		return e.Kind == history.KindClose && e.Link == toApp && e.At > exit.At
	})
	require.GreaterOrEqual(t, end.At-exit.At, 600*time.Millisecond, "the end came late")
	heal()
	mend()
	r.accepted()
}

// status waits for an answer on the app's link from the n-th event on.
func (r *rig) status(from, status int) history.Event {
	r.t.Helper()
	return r.await(from, "an answer at the door", func(e history.Event) bool {
		return e.Kind == history.KindComplete && e.Link == toApp && e.Status == status
	})
}

func answered(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	from := r.now()
	heal := r.apply(scenario.Fault{Name: "busy", Kind: scenario.Respond, Link: toApp, Status: 503, RetryAfter: 2 * time.Second})
	answer := r.status(from, 503)
	head := r.await(from, "its head", func(e history.Event) bool {
		return e.Kind == history.KindResponse && e.Link == toApp && e.Op == answer.Op
	})
	require.Equal(t, "2", head.Attr("retry_after"))
	heal()
	r.accepted()
}

func answeredFirst(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	from := r.now()
	heal := r.apply(scenario.Fault{Name: "twice", Kind: scenario.Respond, Link: toApp, Status: 503, First: 2})
	r.status(from, 503)
	r.accepted() // with the fault still on
	heal()
	events, _ := r.rec.Since(from)
	n := 0
	for _, e := range events {
		if e.Kind == history.KindComplete && e.Link == toApp && e.Status == 503 {
			n++
		}
	}
	require.Equal(t, 2, n)
}

func kept(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	from := r.now()
	heal := r.apply(scenario.Fault{Name: "hung", Kind: scenario.Hang, Link: toApp})
	request := r.await(from, "a request", func(e history.Event) bool { return e.Kind == history.KindRequest && e.Link == toApp })
	r.await(r.now(), "time going by", func(e history.Event) bool { return e.At > request.At+time.Second })
	events, _ := r.rec.Since(from)
	for _, e := range events {
		require.False(t, e.Kind == history.KindResponse && e.Link == toApp && e.Op == request.Op, "a kept request is not answered")
	}
	heal()
	r.await(from, "its end without an answer", func(e history.Event) bool {
		return e.Kind == history.KindClose && e.Link == toApp && e.Attr("open") != ""
	})
	r.accepted()
}

func restarted(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	from := r.now()
	r.apply(scenario.Fault{Name: "again", Kind: scenario.Restart, Service: "order-processor"})()
	for _, part := range []string{history.App, history.Sidecar} {
		exit := r.await(from, part+"'s end", is(history.KindExit, "order-processor", part))
		ready := r.await(from, part+" ready again", is(history.KindReady, "order-processor", part))
		require.GreaterOrEqual(t, ready.At, exit.At) // in memory it is the same instant
	}
	r.accepted()
}

// mixed has faults of three kinds overlap and heal in another order than they came.
func mixed(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	late := r.apply(scenario.Fault{Name: "late", Kind: scenario.Latency, Link: toPeer, Delay: 50 * time.Millisecond})
	down := r.apply(scenario.Fault{Name: "down", Kind: scenario.Stop, Service: "order-processor", Part: history.App})
	busy := r.apply(scenario.Fault{Name: "busy", Kind: scenario.Respond, Link: toApp, Status: 503})
	shut := r.apply(scenario.Fault{Name: "shut", Kind: scenario.Refuse, Link: toPeer})
	late()
	shut()
	down()
	r.status(r.now(), 503)
	busy()
	r.accepted()
}

func ownOrder(t *testing.T, e Environment) {
	r := bringUp(t, e)
	require.NoError(t, r.env.Send(t.Context(), link.Request{
		Link: toSidecar, App: "order-processor", Method: "POST", Path: "orders", Body: `{"orderId":"probe-1"}`, ID: "probe-1",
	}))
	r.await(0, "the order's answer", func(e history.Event) bool {
		return e.Kind == history.KindComplete && e.Link == toSidecar && e.ID == "probe-1" && e.Status == 200
	})
}

// unaskedEnd has a sidecar end through its own API, which nobody told the environment.
func unaskedEnd(t *testing.T, e Environment) {
	r := bringUp(t, e)
	r.accepted()
	require.NoError(t, r.env.Send(t.Context(), link.Request{
		Link: toSidecar, Method: "POST", Path: "v1.0/shutdown", ID: "none",
	}))
	exit := r.await(0, "the sidecar's end", is(history.KindExit, "checkout", history.Sidecar))
	require.Equal(t, "false", exit.Attr("wanted"))
}

func failingStart(t *testing.T, e Environment) {
	rec, err := history.NewRecorder(io.Discard, history.Header{Run: "envtest-failing"})
	require.NoError(t, err)
	c := config(t, e, "envtest-failing-"+time.Now().Format("150405"))
	c.Record = rec
	c.Plan.Links = append(c.Plan.Links, scenario.Link{Name: toPeer, From: "checkout", To: "order-processor", Hop: scenario.HopToPeer})
	_, err = e.Start(context.WithoutCancel(t.Context()), c)
	require.ErrorContains(t, err, "open already")
	require.Empty(t, e.Left(t, c.Run), "left behind")
}
