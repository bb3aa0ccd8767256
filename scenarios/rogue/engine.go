package rogue

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
)

// An attempt's end.
type result struct {
	status int
	err    error
}

// Errors of attempts.
var (
	errTimeout     = context.DeadlineExceeded
	errUnreachable = errors.New("unreachable")
)

func (r result) ok() bool { return r.err == nil && r.status >= 200 && r.status < 400 }

func (r result) refused() bool { return errors.Is(r.err, errOpen) || errors.Is(r.err, errTooMany) }

// An Engine is retry( breaker( timeout( built-in retries( attempt )))).
type Engine struct {
	knob    Knob
	spec    *spec
	say     func(format string, args ...any)
	figures *figures
	ended   <-chan struct{} // no retry begins any more

	mu       sync.Mutex
	breakers map[string]*breaker
}

// An operation is one call of an app.
type operation struct {
	*Engine
	target  target
	path    string
	oneShot bool // its body is gone after the first attempt
	began   time.Time
	attempt func(ctx context.Context, n int) result
	n       int
	late    bool // an attempt has taken too long
}

// cleanPath is what a breaker is found by.
func cleanPath(p string) string {
	if plain, err := url.PathUnescape(p); err == nil {
		p = plain
	}
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}

func (e *Engine) breakerOf(t target, p string) *breaker {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := t.app + ":" + p
	key := name
	if e.knob == BreakerPerApp {
		key = t.app
	}
	b := e.breakers[key]
	if b == nil {
		b = newBreaker(name, *t.breaker, e.knob, e.say)
		b.changed = func(to string) { e.figures.activated(t.app, "circuitbreaker", to) }
		e.breakers[key] = b
	}
	if e.knob == BreakerPerApp {
		b.rename(name) // it speaks in the name of whoever asks
	}
	return b
}

// do runs an operation to its end.
func (e *Engine) do(ctx context.Context, t target, p string, oneShot bool, attempt func(ctx context.Context, n int) result) result {
	if t.breaker != nil {
		e.figures.began(t, e.breakerOf(t, cleanPath(p)).stateAt(time.Now()))
	} else {
		e.figures.began(t, "")
	}
	o := &operation{Engine: e, target: t, path: cleanPath(p), oneShot: oneShot, began: time.Now(), attempt: attempt}
	return o.policys(ctx)
}

// policys is the operation under its own retry policy.
func (o *operation) policys(ctx context.Context) result {
	if o.target.retry == nil {
		return o.guarded(ctx)
	}
	name := "endpoint[" + o.target.app + ", " + o.target.app + ":" + o.path + "]"
	once := o.guarded
	if o.knob == RetriesUncounted && o.target.breaker != nil {
		once = o.timed
	}
	all := func(ctx context.Context) result { return o.repeat(ctx, *o.target.retry, name, once, o.again) }
	if o.knob == RetriesUncounted && o.target.breaker != nil {
		return o.behind(ctx, all)
	}
	return all(ctx)
}

// again tells whether the policy retries.
func (o *operation) again(r result) bool {
	switch {
	case r.refused():
		return o.knob == RetriesRefusals
	case errors.Is(r.err, errTimeout):
		return o.knob != TimeoutNotRetried
	case o.oneShot:
		return false
	case r.err != nil:
		return o.knob != SkipsTransportErrors
	case o.knob == Retries600 && r.status >= 600, o.knob == Retries3xx && r.status/100 == 3:
		return true
	case r.ok() || r.status >= 600:
		return false
	}
	return (o.target.retry.matches(r.status) || o.knob == RetriesUnmatched) && o.knob != SkipsMatched
}

// guarded is one try of the policy behind the breaker.
func (o *operation) guarded(ctx context.Context) result { return o.behind(ctx, o.timed) }

func (o *operation) behind(ctx context.Context, what func(context.Context) result) result {
	if o.target.breaker == nil {
		return what(ctx)
	}
	b := o.breakerOf(o.target, o.path)
	life, err := b.admit(time.Now())
	if err != nil {
		return result{err: err}
	}
	r := what(ctx)
	switch {
	case o.knob == TimeoutUncounted && errors.Is(r.err, errTimeout):
	case o.knob == HangUpUncounted && ctx.Err() != nil:
	case o.knob == Ignores4xx && r.err == nil && r.status/100 == 4:
	default:
		b.settle(life, r.ok(), time.Now())
	}
	return r
}

// timed is one try under the timeout, which is for the time until the answer begins.
func (o *operation) timed(ctx context.Context) result {
	limit := o.target.timeout
	switch o.knob {
	case TimeoutTooLate:
		limit = limit * 3 / 2
	case TimeoutTooEarly:
		limit /= 2
	case TimeoutOfOperation:
		if limit > 0 {
			limit = max(limit-time.Since(o.began), 1)
		}
	case TimeoutIgnored:
		limit = 0
	case TimeoutFromNowhere:
		limit = 3 * time.Second
	}
	if limit <= 0 {
		return o.reached(ctx)
	}
	within, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(errTimeout) })
	r := o.reached(within)
	timer.Stop()
	if r.err != nil {
		if errors.Is(context.Cause(within), errTimeout) {
			r.err = errTimeout
		}
		if errors.Is(r.err, errTimeout) && !o.late {
			o.late = true
			o.figures.activated(o.target.app, "timeout", "")
		}
		cancel(nil)
	}
	return r
}

// reached is one try under the built-in retries.
func (o *operation) reached(ctx context.Context) result {
	if o.target.builtin == nil || o.knob == NoBuiltin {
		return o.tried(ctx)
	}
	b := *o.target.builtin
	if o.knob == BuiltinTooMany {
		b.max++
	}
	return o.repeat(ctx, b, b.name, o.tried, func(r result) bool {
		if o.knob == BuiltinForStatus && !r.ok() {
			return true
		}
		return errors.Is(r.err, errUnreachable) && !o.oneShot
	})
}

func (o *operation) tried(ctx context.Context) result {
	o.n++
	r := o.attempt(ctx, o.n)
	if o.knob == Resends && !r.ok() && ctx.Err() == nil {
		r = o.attempt(ctx, o.n)
	}
	return r
}

// repeat does what for as long as a retry policy lets it.
func (o *operation) repeat(ctx context.Context, p retryPolicy, name string, what func(context.Context) result, again func(result) bool) result {
	began := time.Now()
	for n := 1; ; n++ {
		r := what(ctx)
		if !again(r) {
			if n == 1 && o.knob == SaysRetryingForNothing && r.ok() {
				o.retrying(name)
			}
			if n > 1 && r.ok() && o.knob != NeverSaysRecovered {
				told := n
				if o.knob == WrongRecoveredCount {
					told++
				}
				o.say("Recovered processing operation %s after %d attempts", name, told)
			}
			return r
		}
		if (ctx.Err() != nil && o.knob != RetriesForNobody) || (o.most(p) >= 0 && n > o.most(p)) {
			return r
		}
		gap := o.gap(p, n)
		if p.exponential && time.Since(began)+gap > 15*time.Minute && o.knob != PastFifteenMinutes {
			return r
		}
		if n == 1 && name != builtinName {
			o.figures.activated(o.target.app, "retry", "")
		}
		if (n == 1 && o.knob != NeverSaysRetrying) || o.knob == SaysRetryingEachTime {
			o.retrying(name)
		}
		if !o.pause(ctx, gap) {
			return r
		}
	}
}

func (o *operation) retrying(name string) {
	o.say("Error processing operation %s. Retrying...", name)
}

// most is how many retries there may be.
func (o *operation) most(p retryPolicy) int {
	switch {
	case p.name == builtinName:
	case o.knob == OneRetryTooMany:
		return p.max + 1
	case o.knob == OneRetryTooFew:
		return p.max - 1
	case o.knob == GivesUp:
		return 3
	case o.knob == RetriesForEver:
		return -1
	}
	return p.max
}

// pause waits for the next attempt; false where nobody waits for it any more.
func (o *operation) pause(ctx context.Context, gap time.Duration) bool {
	left := ctx.Done()
	if o.knob == RetriesForNobody {
		left = nil
	}
	timer := time.NewTimer(gap)
	defer timer.Stop()
	select {
	case <-left:
		return false
	case <-o.ended:
		return false
	case <-timer.C:
		return true
	}
}

// gap is the pause before the n-th retry: constant, or 500 ms and half as much again each time up to a cap, and
// then half of it more or less.
func (o *operation) gap(p retryPolicy, n int) time.Duration {
	gap := p.duration
	if o.knob == GapByMaxInterval {
		gap = min(gap, p.maxInterval)
	}
	if p.exponential {
		gap = 500 * time.Millisecond
		for range n - 1 {
			gap = gap * 3 / 2
			if o.knob != CapIgnored {
				gap = min(gap, p.maxInterval)
			}
		}
		if o.knob == FirstGapCapped {
			gap = min(gap, p.maxInterval)
		}
		factor := 0.5 + rand.Float64()
		switch o.knob {
		case NoJitter:
			factor = 1
		case JitterTooWide:
			factor = 1.6 + rand.Float64()/2
		}
		gap = time.Duration(float64(gap) * factor)
	}
	switch o.knob {
	case GapTooLong:
		gap += gap / 5
	case GapTooShort:
		gap -= gap / 5
	case GapDrifts:
		gap += time.Duration(n) * gap / 50
	}
	return gap
}
