package lint

import (
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func l17() Rule {
	return Rule{
		ID: "L17", Severity: Warning, Link: pageBreakers,
		Title:  "retries that the breaker cuts off",
		Reason: "A breaker's refusal ends the operation, whatever maxRetries says. With a timeout longer than the gap, the first retry after the breaker has opened is refused.",
		Effect: "an operation ends at the failure that opens the breaker (which one that is, depends on what was counted before, where successes count or an interval clears the counts): later retries can't happen, and −1 is not for ever",
		Mend:   "a timeout of the breaker not longer than the gap, or maxRetries below the threshold, so that the spec says what happens",
		check: func(c *checking) {
			for _, p := range c.res.pairs() {
				trip := c.run.trip(p.breaker)
				k := trip.threshold
				if k == 0 || c.neverOpens(p.use) || p.retry.MaxRetries != resiliency.Forever && p.retry.MaxRetries < k {
					continue
				}
				if b := p.breaker; b.Interval > 0 && shortest(*p.retry, k-1) >= b.Interval { // not in one operation
					continue
				}
				c.cutOff(p, trip, c.gapAfterTrip(p.use, trip))
			}
		},
	}
}

func (c *checking) cutOff(p pair, trip tripOf, shortest time.Duration) {
	k := trip.threshold
	if p.breaker.Timeout <= shortest {
		return
	}
	_, longest := p.retry.Gap(k)
	last, retries := longRun, "maxRetries: -1"
	if p.retry.MaxRetries != resiliency.Forever {
		last = min(last, p.retry.MaxRetries)
		retries = fmt.Sprintf("maxRetries: %d", p.retry.MaxRetries)
	}
	_, later := p.retry.Gap(last)
	at := c.res.field(kindBreaker, p.breaker.Name, "timeout", p.at)
	what := fmt.Sprintf("the breaker's timeout of %s is longer than the retry's gap of %s", span(p.breaker.Timeout), gapText(*p.retry, shortest))
	fewer := fmt.Sprintf("fewer than %d retries", k)
	if k == 1 {
		fewer = "maxRetries: 0"
	}
	mend := fmt.Sprintf("a timeout of at most %s, or %s", span(shortest.Round(time.Millisecond)), fewer)
	sure := p.breaker.Timeout > max(longest, later) || p.breaker.Timeout > longest && p.retry.Policy != resiliency.Exponential
	fresh := trip.OnlyConsecutive() && p.breaker.Interval <= 0 // to any operation that begins after a success
	switch {
	case sure && fresh:
		c.tell(at, what, fmt.Sprintf("an operation of %s ends at its %s failure, which opens the breaker: the next retry is refused, and %s promises more than can happen", p.whom(), nth(k), retries), mend)
	case sure:
		c.tell(at, what, fmt.Sprintf("an operation of %s may end at its %s failure: with fresh counts that opens the breaker, the next retry is refused, and %s promises more than may happen", p.whom(), nth(k), retries), mend)
	default:
		c.tell(at, what, fmt.Sprintf("an operation of %s may end as soon as its %s failure opens the breaker: where the next gap, drawn at random, is shorter than %s, the retry is refused, and %s promises more than may happen", p.whom(), nth(k), span(p.breaker.Timeout), retries), mend)
	}
}
