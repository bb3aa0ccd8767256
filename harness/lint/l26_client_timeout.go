package lint

import (
	"fmt"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

func l26() Rule {
	return Rule{
		ID: "L26", Severity: Warning, Link: pageTimeouts,
		Title:  "the policies can take longer than the client waits",
		Reason: "Where the client gives up first, the remaining retries are lost, and it never hears how the operation ended. The client's own timeout is known from --scenario or --client-timeout.",
		Effect: "the client gives up while its sidecar still retries; what the target did by then is done",
		Mend:   "fewer or shorter attempts, or a client that waits longer",
		needs: func(o Options) bool {
			return o.ClientTimeout > 0 || o.Scenario != nil
		},
		check: func(c *checking) {
			for _, u := range c.res.uses() {
				if u.kind != forApp && u.kind != forDefault {
					continue
				}
				if patience := c.patience(u); patience > 0 {
					c.waits(u, patience)
				}
			}
		},
	}
}

// patience is the shortest time that a client of an app waits; 0 where none is known.
func (c *checking) patience(u use) time.Duration {
	s := c.run.options.Scenario
	if s == nil {
		return c.run.options.ClientTimeout
	}
	least := c.run.options.ClientTimeout
	for _, v := range s.Callers() {
		if !c.about(u, v.Sends.To) || v.Sends.Timeout <= 0 {
			continue
		}
		if least == 0 || v.Sends.Timeout < least {
			least = v.Sends.Timeout
		}
	}
	return least
}

// about tells whether a use is in force for calls of an app.
func (c *checking) about(u use, app string) bool {
	if u.kind != forDefault {
		return u.kind == forApp && u.name == app
	}
	return !slices.ContainsFunc(c.res.group.resources, func(other *resource) bool {
		_, named := other.spec.Apps[app]
		return named && other.covers(c.res)
	})
}

func (c *checking) waits(u use, patience time.Duration) {
	gives := fmt.Sprintf("the client gives up after %s", span(patience))
	if u.timeout <= 0 {
		c.tell(u.at, fmt.Sprintf("%s can hang for ever; %s", u.who(), gives), "where the target hangs, only the client's own timeout ends the call: no retry, and no failure that the breaker can tell from a caller who left", "a timeout for "+u.name+" well below "+span(patience))
		return
	}
	worst, how, finite := c.worst(u)
	switch {
	case !finite:
		c.tell(u.at, fmt.Sprintf("%s can be retried for ever; %s", u.who(), gives), "the retries after that never happen, and the client never hears how its order ended", "as many retries as fit into "+span(patience))
	case worst > patience:
		c.tell(u.at, fmt.Sprintf("a call of %s can take %s; %s", u.who(), span(worst.Round(time.Millisecond)), gives), how+": the client is gone before the last of them", "fewer retries, a shorter timeout, or a client that waits for more than "+span(worst.Round(time.Millisecond)))
	}
}

// worst is the longest that one call can take where every attempt ends by the timeout, and how that comes.
func (c *checking) worst(u use) (total time.Duration, how string, finite bool) {
	if total, how, ok := c.cutShort(u); ok {
		return total, how, true
	}
	attempts := 1
	gaps := time.Duration(0)
	if r := u.retry; r != nil {
		if r.MaxRetries == resiliency.Forever && r.Policy != resiliency.Exponential {
			return 0, "", false
		}
		attempts, gaps = longest(*r, u.timeout)
	}
	total = min(mul(attempts, u.timeout)+gaps, ages)
	how = fmt.Sprintf("%s of %s", times(attempts, "attempt", "attempts"), span(u.timeout))
	if attempts > 1 {
		how += fmt.Sprintf(" and %s between them", times(attempts-1, "gap", "gaps"))
	}
	return total, how, true
}

// cutShort is the longest that one call can take where the breaker ends it in any case: its failures in a row open
// the breaker, whatever was before them, and the next retry always comes too soon.
func (c *checking) cutShort(u use) (total time.Duration, how string, ok bool) {
	if u.retry == nil || u.breaker == nil {
		return 0, "", false
	}
	trip := c.run.trip(u.breaker)
	failures := trip.threshold
	if failures == 0 || !trip.OnlyConsecutive() {
		return 0, "", false
	}
	_, first := u.retry.Gap(1)
	_, late := u.retry.Gap(longRun)
	gap := max(first, late)
	if u.breaker.Timeout <= gap {
		return 0, "", false
	}
	if w := u.breaker.Interval; w > 0 {
		// Counts may be cleared at any time of an attempt, which is not counted then; what follows must fit in.
		if min(mul(failures+1, u.timeout)+mul(failures, gap), ages) >= w {
			return 0, "", false
		}
		failures *= 2 // all but the last one before that, the one that isn't counted, and all of them
	}
	if u.retry.MaxRetries != resiliency.Forever && u.retry.MaxRetries < failures {
		return 0, "", false
	}
	until := *u.retry
	until.MaxRetries = failures // the last of which is refused at once
	attempts, gaps := longest(until, u.timeout)
	attempts = min(attempts, failures)
	return min(mul(attempts, u.timeout)+gaps, ages), fmt.Sprintf("%s of %s, and as many gaps until the open breaker refuses the next", times(attempts, "attempt", "attempts"), span(u.timeout)), true
}

// longest gives the attempts and gaps of the longest operation whose every attempt times out. An exponential retry
// ends where the next gap would pass 15 minutes: its last attempt begins by then, however the gaps are drawn.
func longest(r resiliency.Retry, timeout time.Duration) (attempts int, gaps time.Duration) {
	if r.Policy != resiliency.Exponential {
		return r.MaxRetries + 1, mul(r.MaxRetries, r.Duration)
	}
	attempts = 1
	shortest := time.Duration(0)
	const most = 100_000
	for n := 1; n < most && (r.MaxRetries == resiliency.Forever || n <= r.MaxRetries); n++ {
		lo, hi := r.Gap(min(n, longRun))
		if mul(attempts, timeout)+shortest+lo > resiliency.MaxElapsed {
			break
		}
		shortest += lo
		gaps = min(gaps+hi, resiliency.MaxElapsed-mul(attempts, timeout))
		attempts++
	}
	return attempts, gaps
}
