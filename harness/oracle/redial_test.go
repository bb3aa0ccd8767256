package oracle_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

// soonReady makes the recorded run, with its attempts counted, one whose target was ready 20 s sooner: attempts are
// counted 1, 6, 11 and 16 s after that, and the first one that crosses comes after 21 s, on connection 11.
var soonReady = all(counted(nil), change(func(e history.Event) bool {
	return e.At > 24*time.Second && e.At < 49*time.Second && (e.Kind == history.KindFault || e.Kind == history.KindReady)
}, later(-20*time.Second)))

// dialled has the sidecar dial in vain at some moments, in seconds, and then make connection 11.
func dialled(made float64, inVain ...float64) bend {
	return func(events []history.Event) []history.Event {
		for i, at := range inVain {
			e := history.Event{Source: history.Links, Seq: uint64(200_000 + 2*i), Kind: history.KindAccept, Link: toPeer, Conn: uint64(500 + i), At: seconds(at)}
			shut := e
			shut.Kind, shut.Seq, shut.At, shut.Text = history.KindClose, e.Seq+1, e.At+time.Millisecond, "eof"
			events = append(events, e, shut)
		}
		for i := range events {
			if e := &events[i]; e.Link == toPeer && e.Conn == 11 && e.Kind == history.KindAccept {
				e.At = seconds(made)
			}
		}
		return events
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// neverAccepted lets nothing more cross.
var neverAccepted = drop(after(45*time.Second, func(e history.Event) bool { return e.Link != "" }))

// crossedInVain has an attempt cross the link that was counted, and fail.
func crossedInVain(t testing.TB) bend {
	return func(events []history.Event) []history.Event {
		for _, e := range recorded(t).History.Events {
			if e.Link == toPeer && e.Conn == 9 {
				events = append(events, e)
			}
		}
		return events
	}
}

// At 24.7 s the seventh dial in a row has failed: the next one comes within 1.2 × 1.6⁶ s, so by 44.8 s.
var sevenDials = []float64{3.3, 4.3, 5.6, 7.7, 11, 16.3, 24.7}

func TestARedialExplainsALateRecoveryOnlyWithinItsBackOff(t *testing.T) {
	eight := append(slices.Clone(sevenDials), 27.9) // a jitter more, and the next dial is due by 60.1 s
	for _, c := range []struct {
		name, says string
		explained  bool
		bend       bend
	}{
		{"the_next_dial_got_through", "4 attempts that never crossed the link, for it dials again by a back-off of its own: last 3.639s before the target was ready, then 16.26s after it",
			true, dialled(44.6, sevenDials...)},
		{"it_was_not_due_to_dial_until_the_run_ended", "for it dials again by a back-off of its own: last 439ms before the target was ready, and not again in 27.009s",
			true, all(neverAccepted, dialled(0, eight...))},
		{"it_dialled_later_than_its_back_off", "it had to dial again within 20.133s of the 7th failed dial, and took 24.63s",
			false, dialled(49.331, sevenDials...)},
		{"it_never_dialled_and_had_to", "it had to dial again within 20.133s of the 7th failed dial, and did not in 30.648s",
			false, all(neverAccepted, dialled(0, sevenDials...))},
		{"it_dialled_in_time_and_asked_late", "it dialled again 1.66s after readiness, and the spec implies at most 5s from there",
			false, dialled(30, sevenDials...)},
		{"an_attempt_crossed_meanwhile", "an attempt crossed 10.98s after readiness and failed",
			false, all(crossedInVain(t), dialled(44.6, sevenDials...))},
		{"a_dial_failed_after_readiness", "a dial failed 2.66s after readiness",
			false, dialled(44.6, append(slices.Clone(sevenDials), 31)...)},
		{"its_connection_was_there_before", "the connection that got through was there before",
			false, dialled(26, sevenDials...)},
		{"no_dial_was_seen", "no dial had failed before", false, dialled(44.6)},
		{"nothing_was_counted", "at most 5s", false, all(drop(func(e history.Event) bool { return e.Kind == history.KindCount }), dialled(44.6, sevenDials...))},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(recorded(t), all(soonReady, c.bend))
			r := result(t, v, "recovery")
			require.Equal(t, oracle.Fail, r.Outcome, "it excuses nothing; failed instead: %v", failed(v))
			require.Contains(t, r.Findings[0].What, c.says)
			require.Equal(t, c.explained, r.Findings[0].Cause == "redial", r.Findings[0].What)
			require.Equal(t, c.explained && v.Figures.Recovery != nil, v.Figures.Redial != nil)
		})
	}
}

// A recovery in time that is a little later for a redial is told as such too.
func TestARedialIsAFigureOfARecoveryInTime(t *testing.T) {
	v := judge(recorded(t), counted(nil))
	require.Nil(t, v.Figures.Redial, "the first attempt after readiness crossed")
	soon := all(counted(nil), change(func(e history.Event) bool {
		return e.At > 43*time.Second && e.At < 49*time.Second && (e.Kind == history.KindFault || e.Kind == history.KindReady)
	}, later(-4020*time.Millisecond)))
	v = judge(recorded(t), all(soon, dialled(48, sevenDials[:6]...), dialled(48, 30)))
	require.Equal(t, oracle.Pass, result(t, v, "recovery").Outcome)
	require.NotNil(t, v.Figures.Redial)
	require.Equal(t, "3.68s", v.Figures.Redial.Round(10*time.Millisecond).String())
}
