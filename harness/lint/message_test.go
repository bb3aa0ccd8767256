package lint_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/lint"
)

// What a finding says where a general sentence would mislead: the corpus knows only its place.
func TestWhatAFindingSays(t *testing.T) {
	const head = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: x }\n"
	spec := func(breaker, target string) string {
		return head + "spec:\n  policies:\n    timeouts: { t: 1s }\n    retries: { r: { duration: 1s, maxRetries: 3 } }\n    circuitBreakers: { b: { timeout: 30s, trip: " + breaker + " } }\n  targets: { apps: { a: { timeout: t, retry: r, circuitBreaker: b" + target + " } } }\n"
	}
	for name, c := range map[string]struct {
		rule    string
		sources []string
		what    string
		mend    string
		effect  string
	}{
		"a_scope_of_an_apps_breaker":                          {"L05", []string{spec("consecutiveFailures >= 5", ", circuitBreakerScope: id")}, "unknown field circuitBreakerScope", "remove it: only actors have one, an app has a breaker for each path", ""},
		"a_trip_that_is_a_number":                             {"L04", []string{spec("consecutiveFailures", "")}, "its value is int, not bool", "a condition: consecutiveFailures > 5", ""},
		"a_trip_that_mixes_types":                             {"L04", []string{spec("requests > 9 && totalFailures > 0.6 * requests", "")}, "found no matching overload", "computed with whole numbers", ""},
		"a_trip_on_the_first_failure":                         {"L17", []string{spec("consecutiveFailures > 0", "")}, "longer than the retry's gap", "a timeout of at most 1s, or maxRetries: 0", ""},
		"a_trip_on_the_second_failure":                        {"L17", []string{spec("consecutiveFailures > 1", "")}, "longer than the retry's gap", "a timeout of at most 1s, or fewer than 2 retries", ""},
		"a_breaker_longer_than_each_gap_that_there_is":        {"L17", []string{head + "spec:\n  policies:\n    retries: { r: { policy: exponential, maxRetries: 3 } }\n    circuitBreakers: { b: { timeout: 10s, trip: consecutiveFailures >= 3 } }\n  targets: { apps: { a: { retry: r, circuitBreaker: b } } }\n"}, "longer than the retry's gap", "", "ends at its 3rd failure, which opens the breaker"},
		"a_number_in_quotes":                                  {"L01", []string{head + "spec: { policies: { retries: { r: { maxRetries: \"3\" } } } }\n"}, `"3" is no whole number`, "a whole number without quotes: 3", ""},
		"a_policy_that_is_not_there":                          {"L02", []string{head + "spec: { targets: { apps: { a: { timeout: t } } } }\n"}, `no policy "t"`, "there is none under policies.timeouts", ""},
		"a_component_in_small_letters":                        {"L02", []string{head + "spec: { targets: { components: { c: { outbound: { circuitbreaker: b } } } } }\n"}, `no policy "b"`, "there is none", "daprd crashes"},
		"a_policy_for_some_of_the_callers":                    {"L02", []string{head + "spec: { targets: { apps: { a: { timeout: t } } } }\n", head + "scopes: [web, admin]\nspec: { policies: { timeouts: { t: 1s } } }\n"}, `no policy "t" for all callers: the one in b.yaml is for web, admin`, "define it where all callers of the target load it", ""},
		"a_component_for_some_of_the_apps":                    {"L02", []string{head + "spec: { targets: { components: { c: { outbound: { retry: r } } } } }\n", head + "scopes: [web]\nspec: { policies: { retries: { r: { maxRetries: 3 } } } }\n"}, `no policy "r" for all callers: the one in b.yaml is for web`, "define it where", ""},
		"a_window_under_exponential_retries":                  {"L13", []string{head + "spec:\n  policies:\n    retries: { r: { policy: exponential, maxRetries: 10 } }\n    circuitBreakers: { b: { interval: 8s, trip: consecutiveFailures > 8 } }\n  targets: { apps: { a: { retry: r, circuitBreaker: b } } }\n"}, "ends before the 9th failure", "an interval of more than 8.043s, or none", "its 7 gaps take 8.043s at the least, even"},
		"a_default_breaker_that_ends_multiplied_retries":      {"L19", []string{head + "spec: { policies: { retries: { DefaultRetryPolicy: { duration: 1s, maxRetries: 5 } }, circuitBreakers: { DefaultCircuitBreakerPolicy: { timeout: 30s, trip: consecutiveFailures >= 3 } } } }\n"}, "multiplies", "", "4 × 6 = 24 attempts, unless DefaultCircuitBreakerPolicy opens before: a refusal ends the rest"},
		"an_exponential_default_under_a_breaker":              {"L19", []string{head + "spec: { policies: { retries: { DefaultRetryPolicy: { policy: exponential } }, circuitBreakers: { DefaultCircuitBreakerPolicy: { timeout: 30s } } } }\n"}, "multiplies", "", "up to 4 attempts for each of its tries, for 15 minutes, unless DefaultCircuitBreakerPolicy opens"},
		"targets_beside_the_spec":                             {"L05", []string{head + "spec: { policies: {} }\ntargets: { apps: {} }\n"}, "unknown field targets", "put it under spec", ""},
		"a_version_beside_the_api_version":                    {"L05", []string{strings.Replace(spec("consecutiveFailures >= 5", ""), "spec:", "version: v1alpha1\nspec:", 1)}, "unknown field version", "remove it: apiVersion is there already", "daprd ignores it without a word"},
		"items_of_what_is_no_list":                            {"L05", []string{strings.Replace(spec("consecutiveFailures >= 5", ""), "spec:", "items: []\nspec:", 1)}, "unknown field items", "known here: apiVersion, kind, metadata, scopes, spec", ""},
		"a_default_breaker_of_a_default_retry_with_an_end":    {"L16", []string{head + "spec: { policies: { retries: { DefaultRetryPolicy: { duration: 3s, maxRetries: 1 } }, circuitBreakers: { DefaultCircuitBreakerPolicy: { timeout: 2s, trip: totalFailures > 2 } } } }\n"}, "not longer than the retry's gap", "", "within one operation a lone caller"},
		"a_default_breaker_of_a_default_retry_for_ever":       {"L16", []string{head + "spec: { policies: { retries: { DefaultRetryPolicy: { duration: 3s } }, circuitBreakers: { DefaultCircuitBreakerPolicy: { timeout: 2s, trip: totalFailures > 2 } } } }\n"}, "not longer than the retry's gap", "", "within one operation a lone caller"},
		"an_exponential_retry_with_a_cap":                     {"L11", []string{head + "spec: { policies: { retries: { r: { policy: exponential, duration: 2s, maxInterval: 501ms } } } }\n"}, "duration has no effect", "", "500ms at first, half as long again each time, and at most 501ms, each"},
		"an_exponential_retry_with_a_cap_below_the_first_gap": {"L11", []string{head + "spec: { policies: { retries: { r: { policy: exponential, duration: 2s, maxInterval: 200ms } } } }\n"}, "duration has no effect", "", "500ms at first, 200ms from then on, each"},
		"a_default_breaker_of_an_exponential_default_retry":   {"L16", []string{head + "spec: { policies: { retries: { DefaultRetryPolicy: { policy: exponential, maxRetries: -1 } }, circuitBreakers: { DefaultCircuitBreakerPolicy: { timeout: 200ms, trip: totalFailures > 2 } } } }\n"}, "not longer than the retry's gap", "", "within one operation a lone caller"},
		"a_default_timeout_that_leaves_time_for_two":          {"L19", []string{head + "spec: { policies: { timeouts: { DefaultTimeoutPolicy: 2500ms }, retries: { DefaultRetryPolicy: { duration: 1s, maxRetries: 5 } } } }\n"}, "multiplies", "", "up to 3 × 6 = 18 attempts"},
		"a_default_retry_alone":                               {"L19", []string{head + "spec: { policies: { retries: { DefaultRetryPolicy: { duration: 1s, maxRetries: 5 } } } }\n"}, "multiplies", "", "one call of an app without a target is up to 4 × 6 = 24 attempts"},
	} {
		t.Run(name, func(t *testing.T) {
			var sources []lint.Source
			for i, text := range c.sources {
				sources = append(sources, lint.Source{Name: []string{"a.yaml", "b.yaml"}[i], Data: []byte(text)})
			}
			for _, f := range lint.Check(sources, lint.Options{}).Findings {
				if f.Rule == c.rule {
					require.Contains(t, f.What, c.what)
					require.Contains(t, f.Mend, c.mend)
					require.Contains(t, f.Effect, c.effect)
					return
				}
			}
			require.Fail(t, "no finding of "+c.rule)
		})
	}
}
