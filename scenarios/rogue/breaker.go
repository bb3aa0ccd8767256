package rogue

import (
	"errors"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
)

// counts are what a trip is asked about.
type counts struct{ requests, successes, failures, inARowOK, inARow int }

// A trip is a condition in CEL.
type trip struct{ program cel.Program }

func compile(text string) (trip, error) {
	if text == "" {
		text = "consecutiveFailures > 5"
	}
	var names []cel.EnvOption
	for _, n := range []string{"requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures"} {
		names = append(names, cel.Variable(n, cel.IntType))
	}
	env, err := cel.NewEnv(names...)
	if err != nil {
		return trip{}, err
	}
	tree, issues := env.Parse(text)
	if issues.Err() != nil {
		return trip{}, issues.Err()
	}
	program, err := env.Program(tree)
	return trip{program}, err
}

func (t trip) holds(c counts) bool {
	out, _, err := t.program.Eval(map[string]any{
		"requests": c.requests, "totalSuccesses": c.successes, "totalFailures": c.failures,
		"consecutiveSuccesses": c.inARowOK, "consecutiveFailures": c.inARow,
	})
	return err == nil && out.Value() == true
}

// What a breaker refuses with.
var (
	errOpen    = errors.New("circuit breaker is open")
	errTooMany = errors.New("too many requests")
)

// States of a breaker.
const (
	closed   = "closed"
	open     = "open"
	halfOpen = "half-open"
)

// A breaker counts what passes it. One life of it runs from one change of state, or renewal of its window, to the
// next: what began in an earlier life does not count.
type breaker struct {
	policy  breakerPolicy
	name    string
	knob    Knob
	say     func(format string, args ...any)
	changed func(to string)

	mu       sync.Mutex
	state    string
	since    time.Time // when the state or the window began
	life     int
	counts   counts
	admitted int // half-open
	asked    int // while open
	lied     bool
}

func newBreaker(name string, p breakerPolicy, knob Knob, say func(string, ...any)) *breaker {
	return &breaker{policy: p, name: name, knob: knob, say: say, changed: func(string) {}, state: closed, since: time.Now()}
}

func (b *breaker) rename(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.name = name
}

// stateAt is the state that a request finds.
func (b *breaker) stateAt(now time.Time) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tick(now)
	return b.state
}

// admit lets an attempt through, or refuses it.
func (b *breaker) admit(now time.Time) (life int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tick(now)
	switch b.state {
	case open:
		b.asked++
		if b.knob != LeaksWhileOpen || b.asked%3 != 0 {
			return b.life, errOpen
		}
	case halfOpen:
		most := b.policy.maxRequests
		if b.knob == TwoProbes || b.knob == ClosesLate {
			most++
		}
		if b.admitted >= most {
			return b.life, errTooMany
		}
		b.admitted++
	}
	b.counts.requests++
	return b.life, nil
}

// settle counts a result.
func (b *breaker) settle(life int, ok bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tick(now)
	if (life != b.life && b.knob != CountsLate) || b.state == open {
		return
	}
	if ok {
		b.counts.successes++
		b.counts.inARowOK++
		if b.knob != SuccessResetsNot {
			b.counts.inARow = 0
		}
	} else {
		b.counts.failures++
		b.counts.inARow++
		b.counts.inARowOK = 0
	}
	if b.state == halfOpen {
		b.probed(ok, now)
		return
	}
	if !ok && b.knob == SaysFalseOpening && !b.lied && b.counts.inARow == 2 {
		b.lied = true
		b.tell(closed, open)
	}
	if !ok && b.trips() {
		b.change(open, now)
	}
}

// trips asks the trip, about what the knob makes of the counts.
func (b *breaker) trips() bool {
	c := b.counts
	switch b.knob {
	case NeverTrips:
		return false
	case TripsEarly:
		c.inARow, c.failures, c.requests = c.inARow+1, c.failures+1, c.requests+1
	case TripsLate:
		c.inARow, c.failures, c.requests = c.inARow-1, c.failures-1, c.requests-1
	case TotalForConsecutive:
		c.inARow = c.failures
	}
	return b.policy.trip.holds(c)
}

// probed is a probe's end.
func (b *breaker) probed(ok bool, now time.Time) {
	enough := b.policy.maxRequests
	switch b.knob {
	case ClosesEarly:
		enough--
	case ClosesLate:
		enough++
	}
	switch {
	case b.knob == StuckHalfOpen:
	case !ok && b.knob == ClosesOnFailure:
		b.change(closed, now)
	case !ok && b.knob == NeverReopens:
		b.admitted--
	case !ok:
		b.change(open, now)
	case b.counts.inARowOK >= enough:
		b.change(closed, now)
	case b.knob == FreesSlots:
		b.admitted--
	}
}

// tick does what time alone does.
func (b *breaker) tick(now time.Time) {
	window, timeout := b.policy.interval, b.policy.timeout
	switch b.knob {
	case WindowTooShort:
		window /= 2
	case OpenTooLong:
		timeout += timeout / 2
	case OpenTooShort:
		timeout /= 2
	}
	switch {
	case b.state == closed && window > 0 && now.Sub(b.since) > window && b.knob != WindowIgnored:
		kept := b.counts
		b.life++
		b.since, b.counts = now, counts{}
		if b.knob == WindowKeepsTotals {
			b.counts.requests, b.counts.successes, b.counts.failures = kept.requests, kept.successes, kept.failures
		}
	case b.state == open && now.Sub(b.since) >= timeout:
		b.change(halfOpen, now)
	}
}

func (b *breaker) change(to string, now time.Time) {
	from := b.state
	b.state, b.since, b.counts, b.admitted, b.asked = to, now, counts{}, 0, 0
	b.life++
	b.changed(to)
	if to == open && b.knob == HalfOpenByTimer {
		time.AfterFunc(b.policy.timeout, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.tick(time.Now())
		})
	}
	hidden := map[Knob]string{HidesOpening: closed + open, HidesHalfOpen: open + halfOpen, HidesClosing: halfOpen + closed}
	if hidden[b.knob] != from+to {
		b.tell(from, to)
	}
}

func (b *breaker) tell(from, to string) {
	b.say("Circuit breaker %q changed state from %s to %s", b.name, from, to)
}
