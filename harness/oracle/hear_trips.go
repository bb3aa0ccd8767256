package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// heardTrips: where the target's app saw every attempt its results are replayed; where it was away they all failed,
// and the sidecar's own counter tells how many there were.
var heardTrips = HearingCheck{
	Name: breakerTrips.Name,
	Doc:  "the breaker is told to open on the failure that makes its trip true, as far as failures were counted",
	Run: func(h *Hearing) Result {
		if r, ok := h.breakerApplies("each failure"); !ok {
			return r
		}
		trip, err := resiliency.CompileTrip(h.own().Breaker.Trip)
		if err != nil {
			return unknown("the trip is not understood: %v", err)
		}
		var t tally
		if h.seen(-forever, h.ended) {
			t.replay(h, trip)
		} else {
			t.tripsByCounter(h, trip)
		}
		if t.examined == 0 && len(t.doubts) == 0 && len(h.spells()) == 0 {
			return notHere("no failure was due to open the breaker, and it is not told to have opened")
		}
		return t.result()
	},
}

// replay counts as the breaker does, and looks for the line where its trip is true.
func (t *tally) replay(h *Hearing, trip resiliency.Trip) {
	b := h.own().Breaker
	results := slices.Clone(h.Receipts)
	results = slices.DeleteFunc(results, func(r *receipt) bool { return !r.ended })
	slices.SortStableFunc(results, func(x, y *receipt) int { return cmp.Compare(x.over.At, y.over.At) })
	opened := slices.DeleteFunc(h.spells(), func(p spell) bool { return p.by.From != closed })
	closings := slices.DeleteFunc(h.spells(), func(p spell) bool { return p.state != closed })
	var counts resiliency.Counts
	var window time.Duration
	began := false
	since := time.Duration(-forever) // results of attempts that began before don't count
	for _, r := range results {
		if r.got.At < since {
			continue
		}
		if b.Interval > 0 && (!began || r.got.At > window+b.Interval) {
			if near := r.got.At - window - b.Interval; began && near < 2*hearingSlack {
				t.doubt("order %s fell on the edge of the window in which the breaker counts", r.got.ID)
			}
			counts, window, began = resiliency.Counts{}, r.got.At, true
		}
		if r.ok() {
			counts.Success()
			continue
		}
		counts.Failure()
		if !trip.Eval(counts) {
			continue
		}
		t.examined++
		near := slices.IndexFunc(opened, func(p spell) bool { return absolute(p.from-r.over.At) <= 2*hearingSlack })
		if near < 0 {
			t.find(Finding{
				What: fmt.Sprintf("the %s failure makes the trip `%s` true, and no line tells that the breaker opened", ordinal(int(counts.TotalFailures)), b.Trip),
				Want: "closed to open", Got: "no such line", Events: points(r.over),
			})
			return
		}
		next := slices.IndexFunc(closings, func(p spell) bool { return p.from > opened[near].from })
		opened = slices.Delete(opened, near, near+1)
		counts, began = resiliency.Counts{}, false
		if next < 0 {
			break
		}
		since = closings[next].from + 1
	}
	for _, p := range opened {
		t.examined++
		t.find(Finding{
			What: fmt.Sprintf("the breaker was told to open, and no failure then made its trip `%s` true", b.Trip),
			Got:  clip(message(p.by.Line.Text)), Events: points(p.by.Line),
		})
	}
}

func absolute(d time.Duration) time.Duration { return max(d, -d) }

// mostFailures bounds the search for the failure that makes a trip true: some trips never are.
const mostFailures = 1000

// tripsByCounter compares how many attempts were made since the last order that passed with how many must fail.
func (t *tally) tripsByCounter(h *Hearing, trip resiliency.Trip) {
	b := h.own().Breaker
	for _, p := range h.spells() {
		if p.by.From != closed {
			continue
		}
		last := time.Duration(-forever)
		var counts resiliency.Counts
		for _, o := range h.Orders {
			if o.passed() && o.end < p.from {
				last = max(last, o.end+pollLag)
				counts.Success()
			}
		}
		want := 0
		for ; want < mostFailures && !trip.Eval(counts); want++ {
			counts.Failure()
		}
		n, ok := h.attempts(last, p.from)
		switch {
		case !ok || b.Interval > 0:
			t.doubt("nobody counted the failures before the breaker opened")
		case n == want:
			t.examined++
		default:
			t.examined++
			t.find(Finding{
				What: fmt.Sprintf("the breaker was told to open on the %s failure; its trip `%s` is true on the %s", ordinal(n), b.Trip, ordinal(want)),
				Want: ordinal(want), Got: ordinal(n), Events: points(p.by.Line),
			})
		}
	}
}
