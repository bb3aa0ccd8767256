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

// mostPending bounds how many Retrying lines of one operation wait for their Recovered: giving up is not told.
const mostPending = 1000

// elapsed pairs each Recovered line with a Retrying line of its operation that leaves room for the pauses between.
func (t *tally) elapsed(h *Hearing, v *voice) {
	pending := map[string][]*Heard{}
	crowded := map[string]bool{}
	life := 0
	for _, s := range v.lines {
		if s.before != life {
			life = s.before
			clear(pending)
		}
		switch k := s.Operation; {
		case s.Kind == saidRetrying:
			pending[k] = append(pending[k], s)
			if len(pending[k]) > mostPending {
				pending[k], crowded[k] = pending[k][1:], true
			}
		case s.Kind == saidRecovered && s.Attempts >= 2:
			if r, known := h.retry(s); known && r != nil { // else retry-count tells of it
				pending[k] = t.room(h, s, *r, pending[k], crowded[k])
			}
		}
	}
}

// room looks for the latest Retrying line that is long enough ago, and gives those that are left.
func (t *tally) room(h *Hearing, s *Heard, r resiliency.Retry, pending []*Heard, crowded bool) []*Heard {
	if s.grain == 0 {
		t.doubt("lines tell no time")
		return pending
	}
	least, most := pausesOf(r, s.Attempts-1)
	for i, start := range slices.Backward(pending) {
		if start.grain == 0 || s.Line.At-start.Line.At < least-s.slack() {
			continue
		}
		t.examined++
		if len(pending) == 1 {
			t.tooLate(h, s, start, most)
		}
		return slices.Delete(pending, i, i+1)
	}
	if crowded || (!h.apps && s.before == 0) {
		t.doubt("the log does not tell when the operation began that it tells the end of")
		return pending
	}
	t.examined++
	t.find(Finding{
		What: fmt.Sprintf("%s's sidecar recovered %s after %d attempts, and no \"Retrying\" line is as long ago as their %d pauses take", s.voice.service, s.Operation, s.Attempts, s.Attempts-1),
		Want: "at least " + short(least), Events: points(s.Line),
	})
	return pending
}

// tooLate can be told only where the policy bounds each attempt too, and one operation alone was on its way.
func (t *tally) tooLate(h *Hearing, s, start *Heard, most time.Duration) {
	timeout := h.policies(s.voice.service, s.target()).Timeout
	if timeout == nil {
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
