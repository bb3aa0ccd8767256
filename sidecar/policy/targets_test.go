package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// targets is a resource with one app target, and whatever targets a row adds.
const targets = `
kind: Resiliency
metadata: { name: x }
spec:
  policies:
    timeouts: { slow: 1m }
    retries: { r: { maxRetries: 7 } }
    circuitBreakers: { b: {} }
  targets:
    apps: { a: { retry: r } }
`

func TestTargetsAreCheckedAsDaprdDecodesThem(t *testing.T) {
	for name, c := range map[string]struct {
		more, says string // says is empty where the resource loads
		notRun     []string
	}{
		"an_actor_with_a_breaker_and_a_scope":       {"actors: { t: { circuitBreaker: b, circuitBreakerScope: id } }", "", []string{"actors"}},
		"an_actor_without_a_breaker_needs_no_scope": {"actors: { t: { retry: r, timeout: slow } }", "", []string{"actors"}},
		"an_actor_with_a_breaker_needs_a_scope":     {"actors: { t: { circuitBreaker: b } }", "actor circuit breakers must include scope", nil},
		"an_actor_with_an_unknown_scope":            {"actors: { t: { circuitBreaker: b, circuitBreakerScope: all } }", `unknown circuit breaker scope "all"`, nil},
		"an_actor_whose_cache_holds_none":           {"actors: { t: { circuitBreakerCacheSize: -1 } }", "must provide a positive size", nil},
		"a_component_with_both_directions":          {"components: { c: { inbound: { retry: r }, outbound: { timeout: slow } } }", "", []string{"components"}},
		"a_component_without_directions":            {"components: { c: { retry: r } }", "", []string{"components"}},
		"actors_come_before_components":             {"actors: { t: { circuitBreaker: b } }\n    components: { c: {} }", "actor circuit breakers must include scope", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decode([]byte(targets + "    " + c.more + "\n"))
			require.NoError(t, err)
			p := New()
			err = p.Add(r)
			if c.says == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.says)
			}
			require.Equal(t, c.notRun, p.NotRun())
			require.Equal(t, 7, p.For("a").retry.max, "the app's target is active, whatever comes after it")
		})
	}
}

func TestAnAppWhoseCacheHoldsNoBreakersIsAnErrorAndStillATarget(t *testing.T) {
	r, err := Decode([]byte(strings.Replace(targets, "retry: r }", "retry: r, circuitBreakerCacheSize: -1 }", 1)))
	require.NoError(t, err)
	p := New()
	require.EqualError(t, p.Add(r), "must provide a positive size")
	require.NotNil(t, p.For("a").retry)
}

func TestAComponentThatIsAListIsNoResource(t *testing.T) {
	_, err := Decode([]byte(targets + "    components: { c: [inbound] }\n"))
	require.Error(t, err)
}

func TestOverridesOfBuiltInRetriesAreCorrectedAndSaid(t *testing.T) {
	for name, c := range map[string]struct{ retries, says string }{
		"too_few":                  {"DaprBuiltInServiceRetries: { maxRetries: 1 }", "Attempted override of DaprBuiltInServiceRetries did not meet minimum retry count, resetting to 3."},
		"for_ever_is_too_few":      {"DaprBuiltInInitializationRetries: { maxRetries: -1 }", "Attempted override of DaprBuiltInInitializationRetries did not meet minimum retry count, resetting to 3."},
		"one_that_can_not_be":      {"DaprBuiltInActorNotFoundRetries: { maxRetries: 9 }", "Attempted to override protected policy DaprBuiltInActorNotFoundRetries which is not allowed. Ignoring provided policy and using default."},
		"more_are_taken_and_quiet": {"DaprBuiltInServiceRetries: { maxRetries: 9 }", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, with("retries: { "+c.retries+" }", "{}"))
			if c.says == "" {
				require.Empty(t, p.Warnings())
				return
			}
			require.Equal(t, []string{c.says}, p.Warnings())
		})
	}
}
