package lint

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func l16() Rule {
	return Rule{
		ID: "L16", Severity: Warning, Link: pageBreakers,
		Title:  "a breaker's timeout that is not longer than the retry's gap",
		Reason: "A breaker that opens while a caller retries is half-open again at the next retry, at the very moment of opened + timeout too. (Exponential gaps count with half of their nominal length.)",
		Effect: "within one operation a lone caller is never refused: each retry is a probe, so the breaker spares the target nothing; only other callers are refused",
		Mend:   "a timeout longer than the gap (retries that follow then end at their first refusal), or no breaker",
		check: func(c *checking) {
			for _, p := range c.res.pairs() {
				trip := c.run.trip(p.breaker)
				if trip.threshold == 0 || p.retry.MaxRetries == 0 || c.neverOpens(p.use) {
					continue
				}
				gap := c.gapAfterTrip(p.use, trip)
				if p.breaker.Timeout > gap {
					continue
				}
				at := c.res.field(kindBreaker, p.breaker.Name, "timeout", p.at)
				c.tell(at, fmt.Sprintf("the breaker's timeout of %s is not longer than the retry's gap of %s", span(p.breaker.Timeout), gapText(*p.retry, gap)),
					fmt.Sprintf("within one operation a lone caller of %s is never refused: each retry after the breaker has opened is a probe, and reaches the target", p.whom()),
					"a longer timeout, if the target is to be left in peace (the operation then ends at its first refusal); no breaker, if retries are to go on until it is back")
			}
		},
	}
}

// neverOpens tells whether a lone caller can't open the breaker even where each attempt fails at once.
func (c *checking) neverOpens(u use) bool {
	k, never, _ := c.neverTrips(u)
	_, gaps := c.between(u, k)
	return never && gaps >= u.breaker.Interval
}

// gapAfterTrip is the shortest gap that can follow the failure that opens the breaker. Only where the operation
// goes on for ever and any success starts the count anew is it known which gap that is.
func (c *checking) gapAfterTrip(u use, t tripOf) time.Duration {
	n := 1
	if u.retry.MaxRetries == resiliency.Forever && t.OnlyConsecutive() {
		n = t.threshold
	}
	lo, _ := u.retry.Gap(n)
	for _, later := range []int{n + 1, longRun} {
		next, _ := u.retry.Gap(later)
		lo = min(lo, next)
	}
	return lo
}

// longRun is an attempt so late that an exponential gap has reached its cap.
const longRun = 64

func gapText(r resiliency.Retry, gap time.Duration) string {
	if r.Policy == resiliency.Exponential {
		return fmt.Sprintf("%s or more", span(gap.Round(time.Millisecond)))
	}
	return span(gap)
}
