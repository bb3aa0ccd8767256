package oracle_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

// ticking gives the metronomes' readings of a run: how late the machine was at a moment.
func ticking(late func(at time.Duration) time.Duration) bend {
	return change(func(e history.Event) bool { return e.Kind == history.KindTick }, func(e *history.Event) {
		e.Attrs = map[string]string{"late_ns": strconv.Itoa(int(late(e.At))), "period_ns": "1000000000"}
	})
}

// The sixth attempt or so of the recorded run comes late: by how much the machine was late at that time decides, and
// how late it was elsewhere excuses nothing and accuses nobody.
func TestLateIsJudgedByHowLateTheMachineWas(t *testing.T) {
	const when = 9 * time.Second
	always := func(d time.Duration) func(time.Duration) time.Duration {
		return func(time.Duration) time.Duration { return d }
	}
	atFirst := func(first, then time.Duration) func(time.Duration) time.Duration {
		return func(at time.Duration) time.Duration {
			if at < when-5*time.Second {
				return first
			}
			return then
		}
	}
	for _, c := range []struct {
		name    string
		machine func(time.Duration) time.Duration
		late    time.Duration
		want    oracle.Outcome
	}{
		{"in_time", always(time.Millisecond), 0, oracle.Pass},
		{"as_late_as_the_machine", always(60 * time.Millisecond), 80 * time.Millisecond, oracle.Pass},
		{"as_late_as_the_machine_which_was_later_elsewhere", atFirst(1500*time.Millisecond, 60*time.Millisecond), 80 * time.Millisecond, oracle.Pass},
		{"later_than_the_machine_but_not_than_elsewhere", atFirst(1500*time.Millisecond, time.Millisecond), 80 * time.Millisecond, oracle.Unknown},
		{"as_late_as_two_wake_ups", always(60 * time.Millisecond), 130 * time.Millisecond, oracle.Unknown},
		{"later_than_two_wake_ups", always(40 * time.Millisecond), 200 * time.Millisecond, oracle.Fail},
		{"later_than_two_wake_ups_on_a_busy_machine", always(60 * time.Millisecond), 200 * time.Millisecond, oracle.Unknown},
		{"later_than_a_busy_machine_explains", always(60 * time.Millisecond), 400 * time.Millisecond, oracle.Fail},
		{"on_a_machine_too_busy", always(1500 * time.Millisecond), time.Second, oracle.Unknown},
		{"late_by_some_wake_ups_on_a_machine_too_busy", always(1500 * time.Millisecond), 6 * time.Second, oracle.Unknown},
		{"later_than_a_machine_too_busy_explains", always(1500 * time.Millisecond), 9 * time.Second, oracle.Fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(recorded(t), all(change(after(when, anything), later(c.late)), ticking(c.machine)))
			r := result(t, v, "retry-gap")
			require.Equal(t, c.want, r.Outcome, "%+v", r)
			if c.want == oracle.Unknown {
				require.Contains(t, r.Why, "slack: ")
			}
		})
	}
}
