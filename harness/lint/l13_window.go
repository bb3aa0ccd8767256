package lint

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func l13() Rule {
	return Rule{
		ID: "L13", Severity: Warning, Link: pageBreakers,
		Title:  "the breaker's counts are cleared before a lone caller can trip it",
		Reason: "With an interval, counts are cleared in the closed state at fixed times. A caller whose k-th failure comes later than that, (k−1)·(gap + d) + d after the first attempt began (d is how long an attempt takes), never gets to k; one that comes at that very moment is too late as well, since no timer ends early. Where retries run out, the next order may come without a gap, and only the other gaps count. (An exponential retry runs out after 15 minutes at the latest.) Exponential gaps count with half of their nominal length, the shortest that can happen.",
		Effect: "a lone caller never opens the breaker, however long the outage",
		Mend:   "a longer interval (or none: 0s), a shorter gap, or a lower threshold",
		check: func(c *checking) {
			for _, p := range c.res.pairs() {
				c.window(p)
			}
		},
	}
}

func (c *checking) window(p pair) {
	k, never, how := c.neverTrips(p.use)
	if !never {
		return
	}
	at := c.res.field(kindBreaker, p.breaker.Name, "interval", p.at)
	c.tell(at, fmt.Sprintf("the interval of %s ends before the %s failure of a lone caller", span(p.breaker.Interval), nth(k)),
		fmt.Sprintf("%s: a lone caller of %s never opens the breaker, however long the outage", how, p.whom()),
		fmt.Sprintf("an interval of more than %s, or none (0s), or a lower threshold", span(roundUp(p.retry, c.reach(p.use, k)))))
}

// roundUp writes sums of exponential gaps, which are not on any grid, to the next millisecond. Constant gaps are exact.
func roundUp(r *resiliency.Retry, d time.Duration) time.Duration {
	short := d.Truncate(time.Millisecond)
	if r.Policy != resiliency.Exponential || short == d {
		return d
	}
	return short + time.Millisecond
}

// neverTrips tells whether a lone caller can't reach the breaker's threshold k within its interval: not even where
// each attempt fails at once, or not where each one ends by the timeout. The window begins before its first attempt,
// and what takes as long as it by the timers takes longer by the clock: so equality is never, too, though to gobreaker
// the very moment still counts (lint_numbers_test.go in scenarios shows both).
func (c *checking) neverTrips(u use) (k int, never bool, how string) {
	b, r := u.breaker, u.retry
	if b.Interval <= 0 || r.MaxRetries == 0 {
		return 0, false, ""
	}
	trip := c.run.trip(b)
	if !trip.ok {
		return 0, false, ""
	}
	k, ok := trip.FewestFailures()
	if !ok || k < 2 {
		return 0, false, ""
	}
	n, gaps := c.between(u, k)
	switch t := u.timeout; {
	case gaps >= b.Interval:
		return k, true, fmt.Sprintf("its %s take %s at the least, even where each attempt fails at once", gapsOf(n), span(roundUp(r, gaps)))
	case (n == k-1 || r.MaxRetries == resiliency.Forever) && t > 0 && t < b.Interval && gaps+mul(k, t) >= b.Interval:
		return k, true, fmt.Sprintf("where the target hangs, %s of %s and %s take %s at the least", times(k, "attempt", "attempts"), span(t), gapsOf(n), span(roundUp(r, gaps+mul(k, t))))
	}
	return 0, false, ""
}

// reach is how long a lone caller needs for k failures: at once, or by the timeout where that is what is told.
func (c *checking) reach(u use, k int) time.Duration {
	_, gaps := c.between(u, k)
	if gaps >= u.breaker.Interval {
		return gaps
	}
	return gaps + mul(k, u.timeout)
}

// between gives the gaps that a lone caller can't but have between k failures, and the least time that they take.
// After an operation whose retries have run out (exponential ones do so after 15 minutes in any case), the next order may
// come at once, and begins with the first gap again.
func (c *checking) between(u use, k int) (gaps int, sum time.Duration) {
	r := *u.retry
	exponential, forever := r.Policy == resiliency.Exponential, r.MaxRetries == resiliency.Forever
	if forever && !exponential || c.pausesLonger(u) {
		return k - 1, shortest(r, k-1)
	}
	first, _ := r.Gap(1)
	late, _ := r.Gap(longRun)
	if exponential && late >= first && (forever || r.MaxRetries >= k-1) {
		return k - 2, shortest(r, k-2) // the last attempt of one order, and the first ones of the next
	}
	if forever {
		return k - 2, mul(k-2, late)
	}
	attempts := r.MaxRetries + 1
	gaps = k - 1 - (k-1+r.MaxRetries)/attempts
	return gaps, mul(gaps, min(first, late))
}

// pausesLonger tells whether the scenario's lone caller pauses between its orders for at least the retry's gap, so
// that the end of an operation makes it no faster.
func (c *checking) pausesLonger(u use) bool {
	s := c.run.options.Scenario
	if s == nil || u.kind != forApp || u.retry.Policy == resiliency.Exponential {
		return false
	}
	callers := 0
	for _, v := range s.Callers() {
		if v.Sends.To != u.name {
			continue
		}
		callers += max(v.Sends.Callers, 1)
		if v.Sends.Every < u.retry.Duration {
			return false
		}
	}
	return callers == 1
}

// shortest is the least time that the first n gaps of an operation take together.
func shortest(r resiliency.Retry, n int) (sum time.Duration) {
	if r.Policy != resiliency.Exponential {
		return mul(n, r.Duration)
	}
	for i := 1; i <= min(n, longRun); i++ {
		lo, _ := r.Gap(i)
		sum = min(sum+min(lo, ages), ages)
	}
	lo, _ := r.Gap(longRun)
	return min(sum+mul(n-longRun, lo), ages)
}

// mul is n times a duration, at most ages; 0 for a negative n.
func mul(n int, d time.Duration) time.Duration {
	if n <= 0 || d <= 0 {
		return 0
	}
	if d >= ages/time.Duration(n) {
		return ages
	}
	return time.Duration(n) * d
}

// ages is long enough for any comparison, and short enough to be added up.
const ages = 24 * 365 * time.Hour

func gapsOf(n int) string { return times(n, "gap", "gaps") }

// nth says 1st, 2nd, 3rd, 4th.
func nth(n int) string {
	suffix := "th"
	switch n % 10 {
	case 1:
		suffix = "st"
	case 2:
		suffix = "nd"
	case 3:
		suffix = "rd"
	}
	if n%100 >= 11 && n%100 <= 13 {
		suffix = "th"
	}
	return fmt.Sprintf("%d%s", n, suffix)
}
