package oracle

import (
	"net/url"
	"path"
	"slices"
	"sort"
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

// A tick is a metronome's reading: the worst lateness of the time before it.
type tick struct{ from, at, late time.Duration }

// ticks are the readings between two moments. Bring-up is not judged, so how busy the machine was with it does not
// count.
func ticks(h *history.History, from, to time.Duration) []tick {
	var out []tick
	for i := range h.Events {
		if e := &h.Events[i]; e.Kind == history.KindTick {
			t := tick{from: e.At - e.Duration("period_ns"), at: e.At, late: e.Duration("late_ns")}
			if t.at >= from && t.from <= to {
				out = append(out, t)
			}
		}
	}
	return out
}

// slack is how much the run may be off, by its own measurement.
func slack(h *history.History, ticks []tick) Slack {
	if h.Header.Env == virtual {
		return Slack{Exact: true}
	}
	s := Slack{Lower: observer, Ticks: len(ticks)}
	for i := range h.Events {
		if e := &h.Events[i]; e.Kind == history.KindClock {
			s.Lower = max(s.Lower, e.Duration("uncertainty_ns")+observer)
		}
	}
	if s.Ticks == 0 {
		s.Upper, s.Usual = unmeasured, unmeasured
	} else {
		late := make([]time.Duration, len(ticks))
		for i, t := range ticks {
			late[i] = t.late
		}
		slices.Sort(late)
		s.Upper, s.Usual = late[len(late)-1], late[len(late)/2]
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
func (s Slack) tooBusy(promised time.Duration) string {
	if !s.measured() {
		return "no metronome ran, so nobody knows how late the machine was"
	}
	if share := float64(s.Upper) / float64(promised); share > tolerable {
		return "slack: the machine was late by " + short(s.Upper) + ", more than 20 % of the promised " + short(promised)
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

// late notes something that came later than its bound and slack. Without a metronome nobody knows whose fault it is,
// and on a machine that is busy, or too busy for what was promised, work takes as much longer as waking does, so there
// it is a fault only from [strained] wake-ups on.
func (t *tally) late(r *Reading, f Finding, at, due, promised time.Duration) {
	if !r.Slack.measured() {
		t.doubt("no metronome ran, so nobody knows how late the machine was (%s)", f.What)
		return
	}
	why := r.Slack.tooBusy(promised)
	if why == "" && r.Slack.Upper > busy {
		why = "slack: the machine was late by " + short(r.Slack.Upper) + ", and work takes as much longer then"
	}
	if why != "" && at <= due+strained*r.Slack.Upper {
		t.doubt("%s (%s)", why, f.What)
		return
	}
	t.find(f)
}

const (
	// busy is the lateness from which on turnaround is no measure of work any more.
	busy = 2 * turnaround
	// strained is how many wake-ups' time a machine that is busy may take for what lies between two of them.
	strained = 5
)

// excused doubts what came later than it was due and is not blamed only because of slack: where that is more than
// the machine was seen to be late, or more than a fifth of what was promised. A machine that was late once, elsewhere
// in the run, makes nothing doubtful here: where the metronomes meanwhile were late by less, they decide.
func (t *tally) excused(r *Reading, at, due, promised time.Duration) {
	if at <= due+r.Slack.turnaround() {
		return
	}
	if why := r.Slack.notExcused(at-due, promised); why != "" && r.meanwhile(due, at).notExcused(at-due, promised) != "" {
		t.doubt("%s", why)
	}
}

// notExcused says why slack does not excuse that something was late; "" where it does.
func (s Slack) notExcused(late, promised time.Duration) string {
	if why := s.tooBusy(promised); why != "" {
		return why
	}
	if late > s.turnaround()+s.Upper {
		return "slack: something was late by " + short(late) + ", which only two wake-ups as late as the worst one, " + short(s.Upper) + ", explain"
	}
	return ""
}

// meanwhile is the slack between two moments of a run. It is not measured where no metronome told of them.
func (r *Reading) meanwhile(from, to time.Duration) Slack {
	s := r.Slack
	s.Upper, s.Ticks = s.Lower, 0
	for i := sort.Search(len(r.ticks), func(i int) bool { return r.ticks[i].at >= from }); i < len(r.ticks); i++ {
		if t := r.ticks[i]; t.from <= to {
			s.Upper = max(s.Upper, t.late+s.Lower)
			s.Ticks++
		}
	}
	return s
}
