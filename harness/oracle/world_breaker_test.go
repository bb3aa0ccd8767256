package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// A breaker keeps gobreaker's rules.
type breaker struct {
	w        *world
	policy   resiliency.Breaker
	trip     resiliency.Trip
	state    string
	counts   resiliency.Counts
	life     int
	since    time.Duration
	failures int64 // in all, whatever else is counted
}

func newBreaker(t testing.TB, w *world, p resiliency.Breaker) *breaker {
	trip, err := resiliency.CompileTrip(p.Trip)
	require.NoError(t, err)
	return &breaker{w: w, policy: p, trip: trip, state: "closed", since: -1}
}

func (b *breaker) set(state string) {
	text := fmt.Sprintf("Circuit breaker %q changed state from %s to %s", "order-processor:orders", b.state, state)
	if b.w.rogue != "hides_"+state {
		b.w.says(text, "never_says_transitions")
	}
	if state == "open" && b.state == "closed" && b.w.probe > 0 && !b.w.probed {
		b.w.probed = true
		b.w.after(b.w.probe, func() { b.w.send(-1, "probe-1") })
	}
	b.state = state
	b.renew()
}

func (b *breaker) renew() {
	b.counts, b.since = resiliency.Counts{}, b.w.now
	b.life++
}

// look brings the state up to now.
func (b *breaker) look() {
	timeout := b.policy.Timeout
	switch b.w.rogue {
	case "open_too_short":
		timeout = timeout * 2 / 5
	case "open_too_long":
		timeout = timeout * 3 / 2
	}
	switch {
	case b.since < 0:
		b.renew()
	case b.state == "closed" && b.policy.Interval > 0 && b.w.now > b.since+b.policy.Interval && b.w.rogue != "ignores_the_window":
		b.renew()
	case b.state == "open" && b.w.now >= b.since+timeout:
		b.set("half-open")
	}
}

func (b *breaker) admit() (life int, ok bool) {
	b.look()
	most := int64(b.policy.MaxRequests)
	switch b.w.rogue {
	case "two_probes":
		most++
	case "stuck_half_open":
		if b.state == "half-open" && b.w.healed {
			return 0, false
		}
	case "leaks_while_open":
		if b.state == "open" && rand.New(rand.NewPCG(uint64(b.w.now), 2)).IntN(2) == 0 {
			return -1, true
		}
	}
	if b.state == "open" || (b.state == "half-open" && b.counts.Requests >= most) {
		return 0, false
	}
	b.counts.Requests++
	return b.life, true
}

func (b *breaker) count(life int, ok bool) {
	b.look()
	if life != b.life {
		return
	}
	if ok {
		b.counts.TotalSuccesses++
		b.counts.ConsecutiveSuccesses++
		if b.w.rogue != "counts_totals_for_consecutive" {
			b.counts.ConsecutiveFailures = 0
		}
		most := int64(b.policy.MaxRequests)
		switch b.w.rogue {
		case "closes_one_success_early":
			most--
		case "closes_one_success_late":
			most++
		}
		if b.state == "half-open" && b.counts.ConsecutiveSuccesses >= most {
			b.set("closed")
		}
		return
	}
	b.failures++
	b.counts.TotalFailures++
	b.counts.ConsecutiveFailures++
	b.counts.ConsecutiveSuccesses = 0
	seen := b.counts
	switch b.w.rogue {
	case "trips_one_early":
		seen.ConsecutiveFailures++
		seen.TotalFailures++
	case "trips_one_late":
		seen.ConsecutiveFailures--
		seen.TotalFailures--
	case "closes_on_a_failure":
		if b.state == "half-open" {
			b.set("closed")
			return
		}
	case "never_trips":
		return
	case "counts_are_not_reset":
		seen.ConsecutiveFailures = b.failures
	}
	if b.state == "half-open" || b.trip.Eval(seen) {
		b.set("open")
	}
	if b.w.rogue == "says_a_transition_that_was_not" && b.failures == 2 {
		b.w.line(`Circuit breaker "order-processor:orders" changed state from closed to open`)
	}
}
