package oracle

import (
	"fmt"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// heardGap: where the target's app tells of two attempts of one request, the pause between them is seen. Where only
// the sidecar speaks, "Recovered after N attempts" must leave room for N − 1 pauses since its "Retrying".
var heardGap = HearingCheck{
	Name: retryGap.Name,
	Doc:  "the pause before each retry is the one that the policy says: between attempts, and between \"Retrying\" and \"Recovered\"",
	Run: func(h *Hearing) Result {
		p := h.own()
		if p.Retry == nil && p.Builtin == nil {
			return notHere("no policy retries")
		}
		var t tally
		for _, v := range h.Voices {
			t.elapsed(h, v)
		}
		if p.Retry != nil {
			for _, o := range h.Orders {
				t.pauses(h, o, *p.Retry)
			}
		}
		if t.examined == 0 && len(t.doubts) == 0 && h.apps {
			return notHere("no pause before a retry was seen")
		}
		return t.result()
	},
}

// elapsed pairs each Recovered line with a Retrying line of its operation that leaves room for the pauses between.
func (t *tally) elapsed(h *Hearing, v *voice) {
	taken := map[*Heard]bool{}
	for i, s := range v.lines {
		if s.Kind != saidRecovered || s.Attempts < 2 {
			continue
		}
		r, known := h.retry(s)
		if !known || r == nil {
			continue // retry-count tells of it
		}
		if s.grain == 0 {
			t.doubt("lines tell no time")
			continue
		}
		least, most := pausesOf(*r, s.Attempts-1)
		slack := s.slack()
		var start *Heard
		var open int
		for _, b := range slices.Backward(v.lines[:i]) {
			if b.Kind != saidRetrying || b.Operation != s.Operation || b.before != s.before || taken[b] {
				continue
			}
			open++
			if start == nil && s.Line.At-b.Line.At >= least-slack {
				start = b
			}
		}
		switch {
		case start != nil:
			t.examined++
			taken[start] = true
			t.tooLate(h, s, start, most, open)
		case !h.apps && s.before == 0:
			t.doubt("the log begins after the operation did that it tells the end of")
		default:
			t.examined++
			t.find(Finding{
				What: fmt.Sprintf("%s's sidecar recovered %s after %d attempts, and no \"Retrying\" line is as long ago as their %d pauses take", v.service, s.Operation, s.Attempts, s.Attempts-1),
				Want: "at least " + short(least), Events: points(s.Line),
			})
		}
	}
}

// tooLate can be told only where the policy bounds each attempt too, and one operation alone was on its way.
func (t *tally) tooLate(h *Hearing, s, start *Heard, most time.Duration, open int) {
	timeout := h.policies(s.voice.service, s.target()).Timeout
	if open != 1 || timeout == nil {
		return
	}
	most += time.Duration(s.Attempts) * *timeout
	if took := s.Line.At - start.Line.At; took > most+s.slack()+unmeasured {
		t.find(Finding{
			What: fmt.Sprintf("%s's sidecar took %s for %d attempts of %s; pauses and timeouts allow %s", s.voice.service, short(took), s.Attempts, s.Operation, short(most)),
			Want: "at most " + short(most), Got: short(took), Events: points(start.Line, s.Line),
		})
	}
}

// slack is how far a time between two lines may be off.
func (s *Heard) slack() time.Duration {
	if s.grain >= time.Second {
		return hearingSlack + s.grain
	}
	return hearingSlack
}

// pausesOf is how long n pauses of a policy take.
func pausesOf(r resiliency.Retry, n int) (least, most time.Duration) {
	for i := 1; i <= min(n, 100_000); i++ {
		lo, hi := r.Gap(i)
		least, most = least+lo, most+hi
	}
	return least, most
}

// pauses are those between attempts that the target's app told of, none of which can have gone unseen.
func (t *tally) pauses(h *Hearing, o *told, r resiliency.Retry) {
	for i := 0; i+1 < len(o.receipts); i++ {
		a, b := o.receipts[i], o.receipts[i+1]
		if !a.ended || !h.seen(a.got.At, b.got.At) {
			continue
		}
		t.examined++
		lo, hi := r.Gap(i + 1)
		gap := b.got.At - a.over.At
		want := short(lo)
		if hi != lo {
			want += " to " + short(hi)
		}
		f := Finding{
			What: fmt.Sprintf("attempt %d of order %s came %s after attempt %d ended; the policy says %s", i+2, o.id(), short(gap), i+1, want),
			Want: want, Got: short(gap), Events: points(a.over, b.got),
		}
		switch {
		case gap < lo-hearingSlack, gap > hi+unmeasured:
			t.find(f)
		case gap > hi+2*hearingSlack:
			t.doubt("nobody measured how late the machine was (%s)", f.What)
		}
	}
}
