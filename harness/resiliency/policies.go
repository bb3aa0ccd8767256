package resiliency

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/document"
)

// builtinName is the name of the retries that Dapr brings itself.
const builtinName = "DaprBuiltInServiceRetries"

// builtin is what acts where a spec says nothing: three retries a second apart, and only where the target's
// sidecar can't be reached.
var builtin = Retry{Name: builtinName, Policy: Constant, Duration: time.Second, MaxInterval: defaultMaxInterval, MaxRetries: 3, Builtin: true}

// protectedName is the name of the built-in retries that no spec changes.
const protectedName = "DaprBuiltInActorNotFoundRetries"

// Builtin gives the retries that Dapr brings itself, as they are where no spec raises them. A target may name them as
// if the spec defined them; they act as any other retry there. (Not measured; read in addBuiltInPolicies.)
//
// https://github.com/dapr/dapr/blob/master/pkg/resiliency/resiliency.go
func Builtin(name string) (Retry, bool) {
	r := Retry{Name: name, Policy: Constant, Duration: time.Second, MaxInterval: defaultMaxInterval, MaxRetries: 3}
	switch name {
	case builtinName, "DaprBuiltInActorRetries":
	case protectedName:
		r.MaxRetries = 5
	case "DaprBuiltInActorReminderRetries":
		r.Policy, r.MaxRetries = Exponential, 0
	case "DaprBuiltInInitializationRetries":
		r.Policy, r.MaxInterval = Exponential, time.Second
	default:
		return Retry{}, false
	}
	return r, true
}

// retry finds one by its name, the built-in ones too. Fewer of those than three, or for ever, becomes three.
func (s *Spec) retry(name string) (Retry, bool) {
	own, brought := Builtin(name)
	r, ok := s.Retries[name]
	switch {
	case brought && (!ok || name == protectedName):
		return own, true
	case brought:
		r.MaxRetries = max(r.MaxRetries, builtin.MaxRetries)
	}
	return r, ok
}

// For gives the policies in force where caller's sidecar invokes callee. A nil spec is no spec at all.
//
// https://docs.dapr.io/operations/resiliency/policies/default-policies/
func (s *Spec) For(caller, callee string) Policies {
	switch {
	case s == nil:
		return withBuiltin(nil, "no spec")
	case s.Broken:
		return withBuiltin(nil, "a spec that does not load")
	case len(s.Scopes) > 0 && !slices.Contains(s.Scopes, caller):
		return withBuiltin(nil, fmt.Sprintf("the spec's scopes leave %s out", caller))
	}
	if t, ok := s.Apps[callee]; ok {
		return s.of(t.Timeout, t.Retry, t.Breaker, true)
	}
	p := s.of(
		first(s.Timeouts, "DefaultAppTimeoutPolicy", "DefaultTimeoutPolicy"),
		first(s.Retries, "DefaultAppRetryPolicy", "DefaultRetryPolicy"),
		first(s.Breakers, "DefaultAppCircuitBreakerPolicy", "DefaultCircuitBreakerPolicy"), false)
	outer := withBuiltin(s, p.Why)
	p.Builtin, p.Why = outer.Builtin, outer.Why
	return p
}

// Misnamed gives the target that is probably meant for an app which no target names; "" where there is none.
func (s *Spec) Misnamed(app string) string {
	if s == nil {
		return ""
	}
	if _, named := s.Apps[app]; named {
		return ""
	}
	return document.Nearest(app, slices.Sorted(maps.Keys(s.Apps)))
}

// of gathers named policies; a name that is not defined lacks that kind.
func (s *Spec) of(timeout, retry, breaker string, named bool) Policies {
	p := Policies{Named: named, Why: "the defaults"}
	if named {
		p.Why = "the target"
	}
	if d, ok := s.Timeouts[timeout]; ok {
		p.Timeout = &d
		p.Why += fmt.Sprintf("; timeout %s (%s)", timeout, d)
	}
	if r, ok := s.retry(retry); ok {
		p.Retry = &r
		p.Why += fmt.Sprintf("; retry %s (%s)", retry, r)
	}
	if b, ok := s.Breakers[breaker]; ok {
		p.Breaker = &b
		p.Why += fmt.Sprintf("; breaker %s (%s)", breaker, b)
	}
	return p
}

// withBuiltin adds the built-in retries, as the spec raises them. Fewer than three, or for ever, becomes three.
func withBuiltin(s *Spec, why string) Policies {
	b := builtin
	if s != nil {
		if r, ok := s.Retries[builtinName]; ok {
			b = r
			b.Builtin = true
			b.MaxRetries = max(b.MaxRetries, builtin.MaxRetries)
		}
	}
	return Policies{Builtin: &b, Why: why + fmt.Sprintf("; built-in retries (%s) where the target's sidecar can't be reached", b)}
}

func first[V any](m map[string]V, names ...string) string {
	for _, n := range names {
		if _, ok := m[n]; ok {
			return n
		}
	}
	return ""
}

// String says a retry in a few words.
func (r Retry) String() string {
	times := "for ever"
	if r.MaxRetries >= 0 {
		times = fmt.Sprintf("at most %d", r.MaxRetries)
	}
	if r.Policy == Exponential {
		return fmt.Sprintf("exponential from %s to %s, %s", firstInterval, r.MaxInterval, times)
	}
	return fmt.Sprintf("every %s, %s", r.Duration, times)
}

// String says a breaker in a few words.
func (b Breaker) String() string {
	text := fmt.Sprintf("trips at %s, open %s, %d in half-open", b.Trip, b.Timeout, b.MaxRequests)
	if b.Interval > 0 {
		text += fmt.Sprintf(", counts cleared every %s", b.Interval)
	}
	return text
}

// Gap is the shortest and the longest pause after the n-th failed attempt of an operation (n from 1).
// Constant: the duration, and nothing else. Exponential: ×1.5 from 500 ms, each jittered by half *after* the cap;
// the first gap ignores the cap.
func (r Retry) Gap(n int) (lo, hi time.Duration) {
	if r.Policy != Exponential {
		return r.Duration, r.Duration
	}
	nominal := float64(firstInterval)
	for i := 1; i < n && nominal < float64(r.MaxInterval); i++ {
		nominal *= 1.5
	}
	if n > 1 {
		nominal = min(nominal, float64(r.MaxInterval))
	}
	nominal = min(nominal, 1<<61) // 73 years: half of centuries more would be beyond what a duration holds
	return time.Duration(nominal * 0.5), time.Duration(nominal * 1.5)
}

// MaxElapsed ends an exponential retry even with maxRetries -1, once the next gap would pass it.
const MaxElapsed = 15 * time.Minute

// Retries tells whether an answer of this status is retried: 200–399 never, 600 and above never, the others
// where matching is empty or lists them. Transport errors and timeouts are always retried.
func (r Retry) Retries(status int) bool {
	if !Failed(status) || status >= 600 {
		return false
	}
	if len(r.HTTPStatus) == 0 {
		return true
	}
	return slices.ContainsFunc(r.HTTPStatus, func(s StatusRange) bool { return s.From <= status && status <= s.To })
}

// Failed tells whether a status is a failure, for retries and for breakers: anything outside 200–399.
func Failed(status int) bool { return status < 200 || status > 399 }

// RecoveryBound is how long after the target is ready its caller's sidecar may take until it has tried again and
// got through, for a lone caller that sends its next order `every` after it was answered; false where the spec
// gives no bound.
//
// A retry in progress comes within the longest gap. The breaker never makes that later within one operation: with
// a timeout of at most the gap each retry is a probe, and with a longer one the operation ends at its first
// refusal. After an operation has ended the caller asks again `every`, is refused while the breaker is open, and
// its first question after the open time is the probe. So the bound is the longer of the two ways. Half-open
// lets several probes in only one after another from a lone caller, so each of maxRequests successes is an order
// accepted: the first one counts as recovery.
//
// A caller whose patience (0 for none) ends in the pause before a retry leaves, and sends again `every` later.
//
// The built-in retries are within each try of the policy, whose timeout may end it in the pause before one of them:
// all that follows comes that much later.
func (p Policies) RecoveryBound(every, patience time.Duration) (time.Duration, bool) {
	bound, cut := every, time.Duration(0)
	if p.Builtin != nil && p.Timeout != nil && *p.Timeout > 0 {
		_, cut = p.Builtin.Gap(longRun)
		cut = min(cut, *p.Timeout)
	}
	ends := p.Retry == nil && p.Builtin == nil // an operation may end in the outage
	for _, r := range []*Retry{p.Retry, p.Builtin} {
		if r == nil {
			continue
		}
		_, gap := r.Gap(longRun)
		bound = max(bound, gap)
		if patience > 0 {
			bound = max(bound, min(gap, patience)+every)
		}
		ends = ends || r.MaxRetries != Forever || r.Policy == Exponential
	}
	if b := p.Breaker; b != nil {
		refused := p.Retry == nil
		if p.Retry != nil {
			shortest, _ := p.Retry.Gap(1)
			refused = ends || patience > 0 || b.Timeout > shortest
		}
		if refused {
			bound = max(bound, b.Timeout+every)
		}
	}
	return bound + min(cut, math.MaxInt64-bound), true
}

// longRun is an attempt so late that an exponential gap has reached its cap.
const longRun = 64

// Draws tells whether some gap is drawn by chance: exponential ones are.
func (p Policies) Draws() bool {
	return p.Retry != nil && p.Retry.Policy == Exponential || p.Builtin != nil && p.Builtin.Policy == Exponential
}
