package policy

import (
	"container/list"
	"context"
	"errors"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sony/gobreaker/v2"
)

// Errors of a breaker that end an operation, in gobreaker's and so in daprd's own words.
var (
	ErrOpen     = gobreaker.ErrOpenState
	ErrTooMany  = gobreaker.ErrTooManyRequests
	ErrTimedOut = context.DeadlineExceeded
)

// A Watcher is told what an engine does, for logs and metrics. Its methods must not block.
type Watcher interface {
	// Retrying comes once an operation, before its first retry; app is empty for the built-in retries.
	Retrying(operation, app string, gap time.Duration)
	Recovered(operation string, attempts int) // an operation that was retried has succeeded
	Changed(breaker string, app string, from, to gobreaker.State)
	TimedOut(app string) // once an operation, at its first attempt that took too long
}

// An Attempt tries once. Its status counts where err is nil.
type Attempt func(ctx context.Context, n int) (status int, err error)

// An Engine applies policies and keeps the breakers' states.
type Engine struct {
	watcher Watcher
	stop    <-chan struct{} // closed when no retry may begin any more

	mu       sync.Mutex
	breakers map[string]*cache // by app
}

// NewEngine makes an engine without any state. Once stop is closed (nil: never), an operation ends where it would
// pause before a retry: with the result of its last attempt.
func NewEngine(w Watcher, stop <-chan struct{}) *Engine {
	return &Engine{watcher: w, stop: stop, breakers: map[string]*cache{}}
}

// A cache keeps the breakers of one app, one a path; the least recently used goes.
type cache struct {
	order  *list.List // of *entry, the most recent first
	byPath map[string]*list.Element
}

type entry struct {
	path string
	cb   *gobreaker.CircuitBreaker[int]
}

// CleanPath is what tells a path's breaker from another's: verb, query, a trailing slash and the way of encoding
// don't matter.
func CleanPath(p string) string {
	if decoded, err := url.PathUnescape(p); err == nil {
		p = decoded
	}
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}

// breaker gives the breaker of a target's path.
func (e *Engine) breaker(t Target, p string) *gobreaker.CircuitBreaker[int] {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.breakers[t.app]
	if c == nil {
		c = &cache{order: list.New(), byPath: map[string]*list.Element{}}
		e.breakers[t.app] = c
	}
	if el := c.byPath[p]; el != nil {
		c.order.MoveToFront(el)
		return el.Value.(*entry).cb
	}
	cb := e.newBreaker(t.app+":"+p, t)
	c.byPath[p] = c.order.PushFront(&entry{p, cb})
	if c.order.Len() > t.cache {
		oldest := c.order.Back()
		c.order.Remove(oldest)
		delete(c.byPath, oldest.Value.(*entry).path)
	}
	return cb
}

// State is the state of the breaker of a target's path, at this moment; false where the target has no breaker.
func (e *Engine) State(t Target, p string) (gobreaker.State, bool) {
	if t.breaker == nil {
		return 0, false
	}
	return e.breaker(t, CleanPath(p)).State(), true
}

func (e *Engine) newBreaker(key string, t Target) *gobreaker.CircuitBreaker[int] {
	b := t.breaker
	return gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Name:        key,
		MaxRequests: b.maxRequests,
		Interval:    b.interval,
		// At exactly opened + timeout the breaker is half-open; gobreaker compares strictly.
		Timeout:       b.timeout - 1,
		ReadyToTrip:   b.trip.eval,
		OnStateChange: func(name string, from, to gobreaker.State) { e.watcher.Changed(name, t.app, from, to) },
	})
}

// errStatus stands for an answer that counts as failure.
var errStatus = errors.New("status")

// ErrUnreachable marks errors of attempts that found no sidecar to talk to: only those does Dapr retry by itself.
var ErrUnreachable = errors.New("unreachable")

// Failed tells whether a status is a failure: anything outside 200–399.
func Failed(status int) bool { return status < 200 || status > 399 }

// Do runs one operation: attempt is called until it succeeds or the policies of t end it. oneShot says that the
// request can't be sent again (its body is gone), except after a timeout.
// The result is that of the last attempt, or the breaker's refusal.
//
// It is retry( breaker( timeout( built-in retries( attempt )))): daprd's built-in retries are part of its calling another
// daprd, and what a spec has for an app lies around that.
func (e *Engine) Do(ctx context.Context, t Target, p string, oneShot bool, attempt Attempt) (int, error) {
	p = CleanPath(p)
	n, late := 0, false
	call := func(ctx context.Context) (int, error) {
		n++
		return attempt(ctx, n)
	}
	reach := call
	if t.builtin != nil && !oneShot {
		reach = func(ctx context.Context) (int, error) {
			again := func(_ int, err error) bool { return errors.Is(err, ErrUnreachable) }
			return e.retry(ctx, t.builtin, func() string { return t.builtin.name }, "", func() (int, error) { return call(ctx) }, again)
		}
	}
	once := func() (int, error) {
		status, err := e.guarded(ctx, t, p, reach)
		if errors.Is(err, ErrTimedOut) && t.timeout > 0 && ctx.Err() == nil && !late {
			late = true
			e.watcher.TimedOut(t.app)
		}
		return status, err
	}
	if t.retry == nil {
		return once()
	}
	operation := func() string { return "endpoint[" + t.app + ", " + t.app + ":" + p + "]" }
	return e.retry(ctx, t.retry, operation, t.app, once, func(status int, err error) bool {
		switch {
		case errors.Is(err, ErrOpen), errors.Is(err, ErrTooMany):
			return false
		case oneShot:
			return errors.Is(err, ErrTimedOut)
		case err != nil:
			return true
		}
		return Failed(status) && status < 600 && t.retry.http.has(status)
	})
}

// guarded is one try of a policy's retries, under breaker and timeout.
func (e *Engine) guarded(ctx context.Context, t Target, p string, reach func(context.Context) (int, error)) (int, error) {
	if t.breaker == nil {
		return e.timed(ctx, t, reach)
	}
	var status int
	var err error
	_, refused := e.breaker(t, p).Execute(func() (int, error) {
		status, err = e.timed(ctx, t, reach)
		if err == nil && Failed(status) {
			return status, errStatus
		}
		return status, err
	})
	if err == nil && refused != nil && !errors.Is(refused, errStatus) {
		return 0, refused
	}
	return status, err
}

// timed is such a try under the timeout. Its context outlives a success, since the answer may still be on the way: the
// timeout is for the time until the answer begins.
func (e *Engine) timed(ctx context.Context, t Target, reach func(context.Context) (int, error)) (int, error) {
	if t.timeout <= 0 {
		return reach(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(t.timeout, func() { cancel(ErrTimedOut) })
	status, err := reach(ctx)
	timer.Stop()
	if err != nil && errors.Is(context.Cause(ctx), ErrTimedOut) {
		err = ErrTimedOut
	}
	if err != nil {
		cancel(nil)
	}
	return status, err
}

// maxElapsed ends an exponential retry once the next gap would pass it.
const maxElapsed = 15 * time.Minute

// retry repeats op with a policy's gaps for as long as again says so.
func (e *Engine) retry(ctx context.Context, r *retry, operation func() string, app string, op func() (int, error), again func(int, error) bool) (int, error) {
	var next backoff.BackOff // nil until there is a gap
	started := time.Now()
	for n := 1; ; n++ {
		status, err := op()
		if !again(status, err) {
			if n > 1 && err == nil && !Failed(status) {
				e.watcher.Recovered(operation(), n)
			}
			return status, err
		}
		if ctx.Err() != nil || (r.max >= 0 && n > r.max) {
			return status, err
		}
		if next == nil {
			next = r.gaps()
		}
		gap := next.NextBackOff()
		select {
		case <-e.stop:
			return status, err
		default:
		}
		if r.exponential && time.Since(started)+gap > maxElapsed {
			return status, err
		}
		if n == 1 {
			e.watcher.Retrying(operation(), app, gap)
		}
		timer := time.NewTimer(gap)
		select {
		case <-ctx.Done():
			timer.Stop()
			return status, err
		case <-e.stop:
			timer.Stop()
			return status, err
		case <-timer.C:
		}
	}
}

// gaps gives the pauses of one operation.
func (r *retry) gaps() backoff.BackOff {
	if !r.exponential {
		return backoff.NewConstantBackOff(r.duration)
	}
	b := backoff.NewExponentialBackOff() // 500 ms, ×1.5, ±50 %, the first one before the cap
	b.MaxInterval = r.maxInterval
	return b
}
