package oracle

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

const (
	// observer is how exactly an observer on the run's own clock stamps what it sees.
	observer = time.Millisecond
	// mostUncertain is the largest slack of a lower bound.
	mostUncertain = 5 * time.Millisecond
	// turnaround is what a sidecar and the hops around it need, on an idle machine, between the end of one thing
	// at a tap and the beginning of the next: parsing, scheduling, dialling, a line through a pipe. Recorded runs
	// show 1 to 6 ms between the promised gap and the measured one, and 10 ms now and then.
	turnaround = 25 * time.Millisecond
	// unmeasured is taken for the machine's lateness where no metronome told it. It only decides what belongs
	// together; what is late by any more than turnaround is not judged then.
	unmeasured = time.Second
	// virtual is the environment whose clock stands still while anybody works.
	virtual = "memory"
	// tolerable is the share of a promised interval beyond which slack leaves nothing to judge.
	tolerable = 0.2
)

// slack is how much the run may be off, by its own measurement between two moments. Bring-up is not judged, so
// how busy the machine was with it does not count.
func slack(h *history.History, from, to time.Duration) Slack {
	if h.Header.Env == virtual {
		return Slack{Exact: true}
	}
	s := Slack{Lower: observer}
	var late []time.Duration
	for i := range h.Events {
		e := &h.Events[i]
		switch e.Kind {
		case history.KindClock:
			s.Lower = max(s.Lower, e.Duration("uncertainty_ns")+observer)
		case history.KindTick:
			if e.At < from || e.At-e.Duration("period_ns") > to {
				continue
			}
			s.Ticks++
			s.Upper = max(s.Upper, e.Duration("late_ns"))
			late = append(late, e.Duration("late_ns"))
		}
	}
	if s.Ticks == 0 {
		s.Upper, s.Usual = unmeasured, unmeasured
	} else {
		slices.Sort(late)
		s.Usual = late[len(late)/2]
	}
	s.Upper += s.Lower
	s.Lower = min(s.Lower, mostUncertain)
	return s
}

// most is how long after its cause something may be seen. Between them lie two wake-ups, the sidecar's own and that
// of the timer or the observer after it, and each may be as late as the metronome was at its worst.
func (s Slack) most() time.Duration { return s.turnaround() + 2*s.Upper }

// Drift is by how much the machine, as late as it was most of the time, moved what lies two wake-ups after its cause:
// what a difference of two moments is off by in run after run. That it was later once is chance, and left to whoever
// looks at several runs. 0 where time was virtual.
func (s Slack) Drift() time.Duration {
	if s.Exact {
		return 0
	}
	return s.turnaround() + s.Lower + 2*s.Usual
}

func (s Slack) turnaround() time.Duration {
	if s.Exact {
		return 0
	}
	return turnaround
}

// measured tells whether anybody knows how late the machine was.
func (s Slack) measured() bool { return s.Exact || s.Ticks > 0 }

// late is the last moment at which something may happen that was due at a moment.
func (r *Reading) late(due time.Duration) time.Duration { return due + r.Slack.most() }

// until is the last moment whose consequences must have been seen before the run ended.
func (r *Reading) until() time.Duration { return r.Ended - r.Slack.most() }

// tooBusy says that the machine was too late for an interval to be judged; "" where it was not.
func (r *Reading) tooBusy(promised time.Duration) string {
	if !r.Slack.measured() {
		return "no metronome ran, so nobody knows how late the machine was"
	}
	if share := float64(r.Slack.Upper) / float64(promised); share > tolerable {
		return "slack: the machine was late by " + short(r.Slack.Upper) + ", more than 20 % of the promised " + short(promised)
	}
	return ""
}

// cleanPath is how Dapr tells paths apart: decoded, cleaned, without slashes around.
func cleanPath(p string) string {
	if decoded, err := url.PathUnescape(p); err == nil {
		p = decoded
	}
	return strings.Trim(path.Clean("/"+p), "/")
}

// short writes a duration as people do: 5.003s, 12ms.
func short(d time.Duration) string { return d.Round(time.Millisecond).String() }

// late notes something that came later than its bound and slack. Without a metronome nobody knows whose fault it is.
func (t *tally) late(r *Reading, f Finding) {
	if !r.Slack.measured() {
		t.doubt("no metronome ran, so nobody knows how late the machine was (%s)", f.What)
		return
	}
	t.find(f)
}

// excused doubts what came later than it was due and is not blamed only because of slack: where that is more than
// the machine was seen to be late, or more than a fifth of what was promised.
func (t *tally) excused(r *Reading, at, due, promised time.Duration) {
	if at <= due+r.Slack.turnaround() {
		return
	}
	why := r.tooBusy(promised)
	if why == "" && at > due+r.Slack.turnaround()+r.Slack.Upper {
		why = "slack: something was late by " + short(at-due) + ", which only two wake-ups as late as the worst one, " + short(r.Slack.Upper) + ", explain"
	}
	if why != "" {
		t.doubt("%s", why)
	}
}
