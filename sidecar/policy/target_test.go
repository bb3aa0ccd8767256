package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBuiltInRetriesActOnlyWhereTheSidecarCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: {}", "{}"), "another")
		_, err := b.do(t.Context(), always(0, errDown))
		require.ErrorIs(t, err, ErrUnreachable)
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}, b.starts)
		require.Equal(t, []string{"0s retrying DaprBuiltInServiceRetries in 1s"}, b.lines)
		b.starts = nil
		_, err = b.do(t.Context(), always(0, errors.New("the app is down")))
		require.Error(t, err)
		status, err := b.do(t.Context(), always(500, nil))
		require.NoError(t, err)
		require.Equal(t, 500, status)
		require.Len(t, b.starts, 2)
	})
}

func TestBuiltInRetriesMultiplyWithADefaultPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { DefaultRetryPolicy: { duration: 1s, maxRetries: 2 } }", "{}"), "another")
		_, err := b.do(t.Context(), always(0, errDown))
		require.ErrorIs(t, err, ErrUnreachable)
		require.Len(t, b.starts, 4*(2+1))
	})
}

func TestBuiltInRetriesCanBeRaisedAndNotLowered(t *testing.T) {
	for max, attempts := range map[string]int{"5": 6, "1": 4, "-1": 4} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, with("retries: { DaprBuiltInServiceRetries: { duration: 1s, maxRetries: "+max+" } }", "{}"), "another")
			_, err := b.do(t.Context(), always(0, errDown))
			require.ErrorIs(t, err, ErrUnreachable)
			require.Len(t, b.starts, attempts, "maxRetries %s", max)
		})
	}
}

// told is a target in words.
func told(t Target) string {
	out := fmt.Sprintf("timeout %s", t.timeout)
	if t.retry != nil {
		out += " retry " + t.retry.name
	}
	if t.breaker != nil {
		out += fmt.Sprintf(" breaker %s", t.breaker.timeout)
	}
	if n, on := t.Builtin(); on {
		out += fmt.Sprintf(" builtin %d", n)
	}
	return out
}

// Of several names the most special wins; a target that is named at all wins whole.
func TestDefaultPoliciesAndTheirPrecedence(t *testing.T) {
	const general = "timeouts: { DefaultTimeoutPolicy: 1s, own: 9s }\nretries: { DefaultRetryPolicy: {}, own: {} }\n" +
		"circuitBreakers: { DefaultCircuitBreakerPolicy: { timeout: 1s }, own: { timeout: 9s } }"
	special := strings.NewReplacer("{ DefaultTimeoutPolicy: 1s", "{ DefaultTimeoutPolicy: 1s, DefaultAppTimeoutPolicy: 2s",
		"{ DefaultRetryPolicy: {}", "{ DefaultRetryPolicy: {}, DefaultAppRetryPolicy: {}",
		"{ DefaultCircuitBreakerPolicy: { timeout: 1s }", "{ DefaultCircuitBreakerPolicy: { timeout: 1s }, DefaultAppCircuitBreakerPolicy: { timeout: 2s }").Replace(general)
	for _, c := range []struct{ name, policies, target, app, want string }{
		{"nothing_is_named_and_there_is_no_default", "timeouts: { own: 9s }", "{ timeout: own }", "another", "timeout 0s builtin 3"},
		{"the_general_defaults", general, "{ timeout: own }", "another", "timeout 1s retry DefaultRetryPolicy breaker 1s builtin 3"},
		{"the_defaults_of_apps_before_the_general_ones", special, "{ timeout: own }", "another", "timeout 2s retry DefaultAppRetryPolicy breaker 2s builtin 3"},
		{"a_named_target_wins_whole", special, "{ timeout: own }", "a", "timeout 9s"},
		{"and_with_all_kinds", special, "{ timeout: own, retry: own, circuitBreaker: own }", "a", "timeout 9s retry own breaker 9s"},
		{"and_though_it_names_nothing", special, "{}", "a", "timeout 0s"},
		{"a_missing_retry_is_lacking_and_the_others_work", general, "{ timeout: own, retry: nobody, circuitBreaker: own }", "a", "timeout 9s breaker 9s"},
		{"a_missing_breaker_is_lacking", general, "{ retry: own, circuitBreaker: nobody }", "a", "timeout 0s retry own"},
		{"a_missing_timeout_is_lacking", general, "{ timeout: nobody, retry: own }", "a", "timeout 0s retry own"},
		{"a_target_may_name_a_default", general, "{ retry: DefaultRetryPolicy }", "a", "timeout 0s retry DefaultRetryPolicy"},
		{"the_built_in_is_raised", "retries: { DaprBuiltInServiceRetries: { maxRetries: 5 } }", "{}", "another", "timeout 0s builtin 5"},
		{"the_built_in_is_not_for_a_target", "retries: { DaprBuiltInServiceRetries: { maxRetries: 5 } }", "{}", "a", "timeout 0s"},
		{"the_built_in_without_a_number", "retries: { DaprBuiltInServiceRetries: { duration: 2s } }", "{}", "another", "timeout 0s builtin 3"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, told(load(t, with(c.policies, c.target)).For(c.app))) })
	}
	require.Equal(t, "timeout 0s", told(None("a")), "a namespaced id has no policies and no built-in retries")
}

func TestTheBuiltInRetriesTakeTheirOwnDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, with("retries: { DaprBuiltInServiceRetries: { duration: 2s, maxRetries: 4 } }", "{}"), "another")
		_, err := b.do(t.Context(), always(0, errDown))
		require.ErrorIs(t, err, ErrUnreachable)
		require.Equal(t, []time.Duration{0, 2 * time.Second, 4 * time.Second, 6 * time.Second, 8 * time.Second}, b.starts)
	})
}

func TestScopesNameTheCallers(t *testing.T) {
	for scopes, applies := range map[string]bool{"": true, "scopes: []": true, "scopes: [checkout]": true, "scopes: [a, checkout]": true, "scopes: [order-processor]": false, "scopes: [Checkout]": false} {
		r, err := Decode([]byte("kind: Resiliency\n" + scopes + "\n"))
		require.NoError(t, err)
		require.Equal(t, applies, r.Applies("checkout"), scopes)
	}
}
