package oracle

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/scenario"
)

// retryGap: a gap runs from the end of an attempt to the start of the next one of the same operation, both seen
// by one tap. Load only delays, so a gap that is too short is too short on any machine.
var retryGap = Check{
	Name: "retry-gap",
	Doc:  "the pause before each retry is the one that the policy says",
	Run: func(r *Reading) Result {
		var t tally
		owed := false
		t.each(r.Operations, func(o *Operation) {
			for i := 0; i+1 < len(o.Attempts); i++ {
				t.gap(r, o, i)
			}
			owed = t.missing(r, o) || owed
		})
		t.jitter(r)
		if t.examined == 0 && len(t.findings) == 0 && !owed {
			return notHere("no attempt failed that would have been retried")
		}
		return t.result()
	},
}

func (t *tally) gap(r *Reading, o *Operation, i int) {
	next := o.Attempts[i+1]
	from, at, ended := o.Attempts[i].over(r.Slack)
	if !ended || next.Start() < from-r.Slack.Lower {
		t.find(Finding{
			What:   fmt.Sprintf("attempt %d of %s began while attempt %d was not over", i+2, o.order(), i+1),
			Events: points(o.Attempts[i].Request, next.Request),
		})
		return
	}
	if !o.Turns[i].may {
		return // that it was retried at all is retry-count's to find
	}
	t.examined++
	w := o.Turns[i].pause
	if next.Start() < from+w.lo-r.Slack.Lower || next.earliest() > r.late(at+w.hi) {
		t.badGap(r, o, i, at)
	} else {
		t.excused(r, next.earliest(), at+w.hi, w.hi)
	}
}

// badGap tells of a gap after the end of an attempt that is outside of what the policy says.
func (t *tally) badGap(r *Reading, o *Operation, i int, over time.Duration) {
	w, next := o.Turns[i].pause, o.Attempts[i+1]
	gap := next.Start() - over
	want := "exactly " + short(w.lo)
	if w.lo != w.hi {
		want = short(w.lo) + " to " + short(w.hi)
	}
	how, note := "too long", func(f Finding) { t.late(r, f, next.earliest(), over+w.hi, w.hi) }
	if gap < w.lo {
		how, note = "too short", t.find
	}
	note(Finding{
		What: fmt.Sprintf("attempt %d of %s came %s after attempt %d ended: %s, the policy says %s", i+2, o.order(), short(gap), i+1, how, want),
		Want: want, Got: short(gap), Events: points(o.Attempts[i].last(), next.Request),
	})
}

// missing finds a retry that was due and never came, in an operation that was still waiting for it. It tells
// whether one is still due when the run ends.
func (t *tally) missing(r *Reading, o *Operation) (owed bool) {
	n := len(o.Attempts)
	if n == 0 || !o.next().sure {
		return false
	}
	over, ended := o.End()
	if !ended {
		over = r.Ended
	}
	from, end, _ := o.Attempts[n-1].over(r.Slack)
	pause := o.next().pause
	due := r.late(end + pause.hi)
	if over <= due+r.delay(o.Link.Name, over) || r.sidecarGone(o.Caller, end, over) {
		if ended && o.mayBeRefused {
			t.refusedEarly(r, o, from+pause.lo)
		}
		return !ended // where it ended, retry-count says whether it might
	}
	t.late(r, Finding{
		What: fmt.Sprintf("no attempt %d of %s came within %s after attempt %d failed, though it was still waiting", n+1, o.order(), short(pause.hi), n),
		Want: "an attempt by " + short(due), Got: "none by " + short(over), Events: points(o.Attempts[n-1].last(), o.last()),
	}, over, end+pause.hi, pause.hi)
	return true
}

// refusedEarly looks at a retry that the breaker refused: it comes after the same pause.
func (t *tally) refusedEarly(r *Reading, o *Operation, due time.Duration) {
	t.examined++
	n := len(o.Attempts)
	if over := o.last().At; over < due-r.Slack.Lower {
		t.find(Finding{
			What: fmt.Sprintf("%s was refused %s after attempt %d ended: too soon, its retry was due %s after it", o.order(), since(o.Attempts[n-1].last().At, over), n, short(o.next().pause.lo)),
			Want: "not before " + short(due), Got: short(over), Events: points(o.Attempts[n-1].last(), o.last()),
		})
	}
}

// delay is how much later than it happened an answer at a moment may have been seen, because the link between the
// tap and who answers is slow or swallows bytes.
func (r *Reading) delay(link string, at time.Duration) time.Duration {
	var most time.Duration
	for _, f := range r.Faults {
		if f.Link != link || f.Injected == nil || f.Injected.At > at {
			continue
		}
		until := r.Ended
		if f.Healed != nil {
			until = f.Healed.At
		}
		most = max(most, f.Delay+f.Jitter)
		if f.Delay == 0 || f.Kind == scenario.Slice { // it swallows, or nobody knows how many pieces it makes, until it is healed
			most = max(most, until-f.Injected.At)
		}
	}
	return 2 * most // there and back
}
