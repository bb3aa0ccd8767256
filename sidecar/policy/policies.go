package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A retry is a retry policy with Dapr's defaults filled in.
type retry struct {
	name        string
	exponential bool
	duration    time.Duration
	maxInterval time.Duration
	max         int // −1 for ever
	http        codes
}

// A breaker is a circuit breaker policy.
type breaker struct {
	maxRequests uint32
	interval    time.Duration
	timeout     time.Duration
	trip        *trip
}

// Policies are all that a sidecar has loaded.
type Policies struct {
	timeouts map[string]time.Duration
	retries  map[string]retry
	breakers map[string]breaker
	apps     map[string]appSpec
	notRun   []string // targets that are read but not run here
	warnings []string // what daprd says of policies that it takes otherwise than written
}

// New makes an empty set: only the built-in retries are in force.
func New() *Policies {
	return &Policies{
		timeouts: map[string]time.Duration{}, retries: map[string]retry{},
		breakers: map[string]breaker{}, apps: map[string]appSpec{},
	}
}

// Add takes one resource in, as daprd does: timeouts, retries, breakers, then targets, and stops at the first
// error. What was read before the error stays; the targets behind it are not applied.
func (p *Policies) Add(r *Resource) error {
	for _, name := range slices.Sorted(maps.Keys(r.Spec.Policies.Timeouts)) {
		d, err := duration(r.Spec.Policies.Timeouts[name], 0)
		if err != nil {
			return fmt.Errorf("invalid duration %q, %s: %w", name, r.Spec.Policies.Timeouts[name], err)
		}
		p.timeouts[name] = d
	}
	for _, name := range slices.Sorted(maps.Keys(r.Spec.Policies.Retries)) {
		decoded, err := decodeRetry(name, r.Spec.Policies.Retries[name])
		if err != nil {
			return err
		}
		if !p.allowed(name, &decoded) {
			continue
		}
		p.retries[name] = decoded
	}
	for _, name := range slices.Sorted(maps.Keys(r.Spec.Policies.CircuitBreakers)) {
		decoded, err := decodeBreaker(r.Spec.Policies.CircuitBreakers[name])
		if err != nil {
			return fmt.Errorf("invalid circuit breaker configuration %q: %w", name, err)
		}
		p.breakers[name] = decoded
	}
	return p.addTargets(r)
}

// decodeRetry gives its errors in daprd's own words, which name the policy only where it isn't about matching.
func decodeRetry(name string, s retrySpec) (r retry, err error) {
	r = retry{name: name, max: -1}
	invalid := func(err error) (retry, error) { return r, fmt.Errorf("invalid retry configuration %q: %w", name, err) }
	switch strings.ToLower(s.Policy) {
	case "", "constant":
	case "exponential":
		r.exponential = true
	default:
		return invalid(fmt.Errorf("unrecognized retry policy %q", s.Policy))
	}
	if r.duration, err = duration(s.Duration, 5*time.Second); err != nil {
		return invalid(err)
	}
	if r.maxInterval, err = duration(s.MaxInterval, 60*time.Second); err != nil {
		return invalid(err)
	}
	if s.MaxRetries != nil {
		r.max = *s.MaxRetries
	}
	if s.Matching != nil { // daprd tells these errors without the policy's name
		if r.http, err = parseCodes(string(s.Matching.HTTPStatusCodes), 100, 599); err != nil {
			return r, err
		}
		if _, err = parseCodes(string(s.Matching.GRPCStatusCodes), 0, 16); err != nil {
			return r, err
		}
	}
	return r, nil
}

func decodeBreaker(s breakerSpec) (breaker, error) {
	b := breaker{maxRequests: 1}
	if s.MaxRequests > 0 {
		b.maxRequests = uint32(s.MaxRequests)
	}
	var err error
	if b.interval, err = duration(s.Interval, 0); err != nil {
		return b, err
	}
	if b.timeout, err = duration(s.Timeout, 60*time.Second); err != nil {
		return b, err
	}
	b.trip, err = newTrip(s.Trip)
	return b, err
}

// A Target is what is in force for calls of one app.
type Target struct {
	app     string
	timeout time.Duration // 0 for none
	retry   *retry
	breaker *breaker
	builtin *retry // within the others, only where the target's sidecar can't be reached
	cache   int    // breakers kept, one a path
}

// For gives what is in force for calls of app. A named target wins whole, and switches the built-in retries off;
// a policy it names that is not there is silently lacking.
func (p *Policies) For(app string) Target {
	t := Target{app: app, cache: defaultCache}
	if spec, ok := p.apps[app]; ok {
		t.timeout = p.timeouts[spec.Timeout]
		if t.retry = pick(p.retries, spec.Retry); t.retry == nil {
			t.retry = brought(spec.Retry)
		}
		t.breaker = pick(p.breakers, spec.CircuitBreaker)
		if spec.CircuitBreakerCacheSize > 0 {
			t.cache = spec.CircuitBreakerCacheSize
		}
		return t
	}
	if d := pick(p.timeouts, "DefaultAppTimeoutPolicy", "DefaultTimeoutPolicy"); d != nil {
		t.timeout = *d
	}
	t.retry = pick(p.retries, "DefaultAppRetryPolicy", "DefaultRetryPolicy")
	t.breaker = pick(p.breakers, "DefaultAppCircuitBreakerPolicy", "DefaultCircuitBreakerPolicy")
	t.builtin = pick(p.retries, builtinName)
	if t.builtin == nil {
		t.builtin = brought(builtinName)
	}
	return t
}

// Builtin is how often a call is retried by Dapr itself where the target's sidecar can't be reached; false where
// that is switched off.
func (t Target) Builtin() (retries int, on bool) {
	if t.builtin == nil {
		return 0, false
	}
	return t.builtin.max, true
}

// None is in force where nothing is: a call with a namespace appended to its app id bypasses all policies.
func None(app string) Target { return Target{app: app, cache: defaultCache} }

// defaultCache is how many breakers, one a path, are kept for an app.
const defaultCache = 100

func pick[V any](m map[string]V, names ...string) *V {
	for _, n := range names {
		if v, ok := m[n]; ok {
			return &v
		}
	}
	return nil
}
