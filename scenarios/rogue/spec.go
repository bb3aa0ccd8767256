package rogue

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A spec is what is in force: https://docs.dapr.io/operations/resiliency/resiliency-overview/
type spec struct {
	name     string
	timeouts map[string]time.Duration
	retries  map[string]retryPolicy
	breakers map[string]breakerPolicy
	apps     map[string]fields
}

type retryPolicy struct {
	name        string
	exponential bool
	duration    time.Duration
	maxInterval time.Duration
	max         int // −1 for ever
	statuses    string
}

type breakerPolicy struct {
	maxRequests       int
	interval, timeout time.Duration
	trip              trip
}

// A target is what is in force for one app.
type target struct {
	app     string
	timeout time.Duration
	retry   *retryPolicy
	breaker *breakerPolicy
	builtin *retryPolicy
}

// fields is a map of YAML whose names count in any case.
type fields map[string]any

func (f fields) get(name string) any {
	for k, v := range f {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func (f fields) sub(name string) fields {
	m, _ := f.get(name).(map[string]any)
	return m
}

func (f fields) text(name string) string {
	if v := f.get(name); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

func (f fields) span(name string, otherwise time.Duration) (time.Duration, error) {
	return span(f.text(name), otherwise)
}

// span reads a duration; a bare integer is milliseconds.
func span(text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	if ms, err := strconv.Atoi(text); err == nil {
		return time.Duration(ms) * time.Millisecond, nil
	}
	return time.ParseDuration(text)
}

const builtinName = "DaprBuiltInServiceRetries"

// decode reads a resource; nil where it is not for the app.
func decode(text []byte, app string, knob Knob) (*spec, error) {
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	r := fields(root)
	if r.text("kind") != "Resiliency" {
		return nil, nil
	}
	if scopes, _ := r.get("scopes").([]any); len(scopes) > 0 && knob != IgnoresScopes {
		mine := false
		for _, s := range scopes {
			mine = mine || s == app
		}
		if !mine {
			return nil, nil
		}
	}
	s := &spec{
		name: r.sub("metadata").text("name"), timeouts: map[string]time.Duration{}, retries: map[string]retryPolicy{},
		breakers: map[string]breakerPolicy{}, apps: map[string]fields{},
	}
	policies := r.sub("spec").sub("policies")
	var err error
	for name, v := range policies.sub("timeouts") {
		if s.timeouts[name], err = span(fmt.Sprint(v), 0); err != nil {
			return s, err
		}
	}
	for name := range policies.sub("retries") {
		if s.retries[name], err = decodeRetry(name, policies.sub("retries").sub(name)); err != nil {
			return s, err
		}
	}
	for name := range policies.sub("circuitBreakers") {
		if s.breakers[name], err = decodeBreaker(policies.sub("circuitBreakers").sub(name)); err != nil {
			return s, err
		}
	}
	apps := r.sub("spec").sub("targets").sub("apps")
	for name := range apps {
		s.apps[name] = apps.sub(name)
	}
	return s, nil
}

func decodeRetry(name string, f fields) (r retryPolicy, err error) {
	r = retryPolicy{name: name, max: -1, exponential: strings.EqualFold(f.text("policy"), "exponential")}
	r.statuses = f.sub("matching").text("httpStatusCodes")
	if r.duration, err = f.span("duration", 5*time.Second); err != nil {
		return r, err
	}
	if r.maxInterval, err = f.span("maxInterval", time.Minute); err != nil {
		return r, err
	}
	if n := f.text("maxRetries"); n != "" {
		r.max, err = strconv.Atoi(n)
	}
	if name == builtinName && r.max < 3 {
		r.max = 3
	}
	return r, err
}

func decodeBreaker(f fields) (b breakerPolicy, err error) {
	b.maxRequests, _ = strconv.Atoi(f.text("maxRequests"))
	b.maxRequests = max(b.maxRequests, 1)
	if b.interval, err = f.span("interval", 0); err != nil {
		return b, err
	}
	if b.timeout, err = f.span("timeout", time.Minute); err != nil {
		return b, err
	}
	b.trip, err = compile(f.text("trip"))
	return b, err
}

// matches tells whether a policy's matching lets a status be retried: `429,500-599`; nothing is all.
func (r retryPolicy) matches(status int) bool {
	if r.statuses == "" {
		return true
	}
	for part := range strings.SplitSeq(r.statuses, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		lo, _ := strconv.Atoi(from)
		hi, _ := strconv.Atoi(to)
		if lo <= status && status <= hi {
			return true
		}
	}
	return false
}

// forApp gives what is in force for an app: its own target whole, or the defaults with the built-in retries.
func (s *spec) forApp(app string, knob Knob) target {
	t := target{app: app, builtin: &retryPolicy{name: builtinName, duration: time.Second, max: 3}}
	if s == nil {
		return t
	}
	if r, ok := s.retries[builtinName]; ok {
		t.builtin = &r
	}
	own, named := s.apps[app]
	if named {
		t.timeout = s.timeouts[own.text("timeout")]
		t.retry, t.breaker = pick(s.retries, own.text("retry")), pick(s.breakers, own.text("circuitBreaker"))
		if knob != BuiltinUnasked {
			t.builtin = nil
		}
	}
	if (named && knob != DefaultsOverTargets) || (!named && knob == DefaultsIgnored) {
		return t
	}
	if d := pick(s.timeouts, "DefaultAppTimeoutPolicy", "DefaultTimeoutPolicy"); d != nil && t.timeout == 0 {
		t.timeout = *d
	}
	if t.retry == nil {
		t.retry = pick(s.retries, "DefaultAppRetryPolicy", "DefaultRetryPolicy")
	}
	if t.breaker == nil {
		t.breaker = pick(s.breakers, "DefaultAppCircuitBreakerPolicy", "DefaultCircuitBreakerPolicy")
	}
	return t
}

func pick[V any](from map[string]V, names ...string) *V {
	for _, n := range names {
		if v, ok := from[n]; ok {
			return &v
		}
	}
	return nil
}
