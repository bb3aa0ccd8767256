package oracle_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

// counted makes the recorded run one of a daprd that dials again late: its counter, read every 50 ms, tells of all
// attempts, and those that failed never crossed the link. move changes when an attempt was counted, by its number.
func counted(move map[int]time.Duration) bend {
	return func(events []history.Event) []history.Event {
		n, failing := 0, map[uint64]bool{}
		for _, e := range events {
			if e.Link == toPeer && e.Kind == history.KindClose && e.Attr("open") != "" {
				failing[e.Conn] = true
			}
		}
		var out []history.Event
		for _, e := range events {
			if e.Link == toPeer && e.Kind == history.KindRequest {
				n++
				at := e.At + move[n]
				out = append(out, history.Event{
					Source: history.Runner, Seq: uint64(100_000 + n), At: at + 30*time.Millisecond, Kind: history.KindCount, Service: "checkout", Part: history.Sidecar,
					ID: "dapr_runtime_service_invocation_req_sent_total", Text: strconv.Itoa(n),
					Attrs: map[string]string{"dst_app_id": "order-processor", "after_ns": strconv.FormatInt(int64(at-20*time.Millisecond), 10)},
				})
			}
			if e.Link != toPeer || !failing[e.Conn] {
				out = append(out, e)
			}
		}
		return out
	}
}

func TestAttemptsThatOnlyACounterTellsOfKeepThePromisesToo(t *testing.T) {
	v := judge(recorded(t), counted(nil))
	require.Equal(t, oracle.Pass, v.Outcome, "%v", v.Why)
	require.Equal(t, 20, v.Figures.Attempts)
	require.Equal(t, 9, v.Figures.Uncrossed)
	require.Equal(t, oracle.Judge(recorded(t)).Figures.Transitions, v.Figures.Transitions)
}

// The attempt that recovers may cross a new connection and end the run before anybody has read the counter again: that
// takes none of the attempts that were counted before.
func TestAnAttemptThatCrossesUncountedTakesNobodysCount(t *testing.T) {
	v := judge(recorded(t), all(counted(nil), drop(after(49*time.Second, func(e history.Event) bool { return e.Kind == history.KindCount }))))
	require.Equal(t, oracle.Pass, v.Outcome, "%v", v.Why)
	require.Equal(t, 9, v.Figures.Uncrossed)
}

// slowDial has attempt 14, for which a connection is dialled, cross it only when the dial is over.
func slowDial(took time.Duration) bend {
	return change(after(49_330*time.Millisecond, func(e history.Event) bool { return e.Kind != history.KindAccept || e.Link != toPeer }), later(took))
}

// An attempt that is made while its connection is dialled waits for that: however long it takes, what was counted is
// what crossed, and the retry was made when it was counted.
func TestAnAttemptThatWaitsForASlowDialWasMadeWhenItWasCounted(t *testing.T) {
	const took = 400 * time.Millisecond
	v := judge(recorded(t), all(slowDial(took), counted(map[int]time.Duration{14: -took})))
	require.Equal(t, oracle.Pass, v.Outcome, "%v", v.Why)
	require.Equal(t, 20, v.Figures.Attempts)
	require.Equal(t, 9, v.Figures.Uncrossed)

	v = judge(recorded(t), all(slowDial(took), counted(nil))) // it was ready, and nothing was asked of it
	require.Equal(t, oracle.Fail, v.Outcome)
	require.Contains(t, result(t, v, "retry-gap").Findings[0].What, "too long")
}

func TestACounterTellsOfBrokenPromises(t *testing.T) {
	for _, c := range []struct {
		name, check, says string
		bend              bend
	}{
		{"a_retry_counted_too_soon", "retry-gap", "too short", counted(map[int]time.Duration{6: -time.Second})},
		{"a_retry_counted_too_late", "retry-gap", "too long", counted(map[int]time.Duration{7: time.Second})},
		{"an_attempt_counted_for_nobody", "attempts-belong", "belongs to no operation", counted(map[int]time.Duration{20: -500 * time.Millisecond})},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(recorded(t), c.bend)
			r := result(t, v, c.check)
			require.Equal(t, oracle.Fail, r.Outcome, "failed instead: %v", failed(v))
			require.Contains(t, r.Findings[0].What, c.says)
			require.NotEmpty(t, r.Findings[0].Events)
		})
	}
}

// Where two operations may have made one attempt that nobody saw, no assignment is taken for true.
func TestACountedAttemptOfMoreThanOneIsNotJudged(t *testing.T) {
	v := judge(recorded(t), func(events []history.Event) []history.Event {
		events = counted(nil)(events)
		var other []history.Event // another caller of the same app waits through the whole outage, and every retry may be its own
		for _, e := range events {
			if e.Link == toSidecar && e.ID == "5" {
				e.Attrs, e.Op, e.ID, e.Conn, e.Seq = cloned(e.Attrs), "b"+e.Op[1:], "55", e.Conn+70, e.Seq+70_000
				e.At += 2 * time.Millisecond
				other = append(other, e)
			}
		}
		return slices.Concat(events, other)
	})
	r := result(t, v, "attempts-belong")
	require.Equal(t, oracle.Unknown, r.Outcome, "%+v", r.Findings)
	require.Contains(t, r.Why, "may belong to more than one operation")
	require.Subset(t, []string{"orders-lost", "orders-reordered"}, failed(v), "what nobody can tell apart breaks no promise; the other's order is forged, and no app ever had it")
}

// A stand-in for daprd kept all promises on a machine that was late by 1.5 s, three times what lay between two orders.
// With so much slack orders that lay apart were taken to have come at once, and a breaker to have broken its promise.
func TestWhatAVeryLateMachineBlursIsNoBrokenPromise(t *testing.T) {
	v := oracle.Judge(readRun(t, "total-failures-trip-on-a-late-machine"))
	require.Equal(t, oracle.Unknown, v.Outcome, "%v", failed(v))
	require.Equal(t, 3, v.Exit())
	r := result(t, v, "breaker-closes")
	require.Contains(t, r.Why, "the machine was late by 1.503s")
	require.Contains(t, r.Why, "broke no promise if it was not")
}
