package scenarios

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A setting is a spec and a scenario in which some rogues show what they are.
type setting struct {
	policies, target, scopes string
	sends                    string // besides `to: order-processor`
	app, caller              string // more of the two services
	faults                   string // between four orders and recovery
	timeline                 string // instead of all that
	expect                   string
}

// Timelines.
const (
	stop3s  = "- fault: { stop: order-processor, for: 3500ms }"
	stop4s  = "- fault: { stop: order-processor, for: 4500ms }"
	stop11s = "- fault: { stop: order-processor, for: 11500ms }"
	noApp   = "- fault: { stop: order-processor, only: app, for: 6500ms }"
	steady  = "- wait: { orders: 8 }\n  - wait: { for: 500ms }"
	hang    = "- fault: { hang: order-processor, for: 8500ms }"
)

// settings by name.
var settings = map[string]setting{
	"retries_for_ever":         {policies: "retries: { r: { duration: 2s, maxRetries: -1 } }", target: "retry: r", faults: stop11s},
	"retries_twice":            {policies: "retries: { r: { duration: 1s, maxRetries: 2 } }", target: "retry: r", faults: stop11s},
	"retries_by_default":       {policies: "retries: { r: { maxInterval: 2s } }", target: "retry: r", faults: stop11s},
	"retries_exponentially":    {policies: "retries: { r: { policy: exponential, maxInterval: 2s } }", target: "retry: r", faults: "- fault: { stop: order-processor, for: 30s }"},
	"retries_under_a_low_cap":  {policies: "retries: { r: { policy: exponential, maxInterval: 100ms } }", target: "retry: r", faults: stop3s},
	"retries_for_long":         {policies: "retries: { r: { policy: exponential, maxInterval: 60s } }", target: "retry: r", faults: "- fault: { stop: order-processor, for: 20m }"},
	"retries_500_to_599":       {policies: `retries: { r: { duration: 1s, maxRetries: 3, matching: { httpStatusCodes: "500-599" } } }`, target: "retry: r", faults: respond(404)},
	"retries_503":              {policies: `retries: { r: { duration: 1s, maxRetries: 3, matching: { httpStatusCodes: "429,503" } } }`, target: "retry: r", faults: respond(503)},
	"redirects":                {policies: "retries: { r: { duration: 1s, maxRetries: 3 } }", target: "retry: r", faults: respond(302)},
	"answers_600":              {policies: "retries: { r: { duration: 1s, maxRetries: 3 } }", target: "retry: r", faults: respond(600)},
	"answers_503":              {policies: "timeouts: { t: 5s }", target: "timeout: t", faults: respond(503)},
	"a_caller_with_no_time":    {policies: "retries: { r: { duration: 1s, maxRetries: -1 } }", target: "retry: r", sends: "timeout: 2500ms, until: once", faults: stop11s},
	"says_that_it_is_up":       {policies: "retries: { r: { duration: 1s, maxRetries: -1 } }", target: "retry: r", faults: stop3s, expect: `expect: { logs: [ { service: checkout, part: sidecar, match: "dapr initialized", times: 1 } ] }`},
	"nothing_happens":          {policies: "retries: { r: { duration: 1s, maxRetries: -1 } }", target: "retry: r", timeline: steady},
	"a_timeout":                {policies: "timeouts: { t: 2s }\nretries: { r: { duration: 1s, maxRetries: -1 } }", target: "timeout: t, retry: r", faults: hang},
	"a_timeout_and_a_breaker":  {policies: "timeouts: { t: 500ms }\nretries: { r: { duration: 1s, maxRetries: -1 } }\ncircuitBreakers: { b: { timeout: 1s, trip: consecutiveFailures >= 3 } }", target: "timeout: t, retry: r, circuitBreaker: b", faults: hang},
	"no_timeout":               {policies: "retries: { r: { duration: 1s, maxRetries: -1 } }", target: "retry: r", faults: "- fault: { slow: order-processor, delay: 5s, for: 8500ms }"},
	"a_timeout_and_no_retries": {policies: "timeouts: { t: 1s }", target: "timeout: t", sends: "until: once", timeline: steady},

	"a_breaker_as_long_as_the_gap":       {policies: "retries: { r: { duration: 1s, maxRetries: -1 } }\ncircuitBreakers: { b: { timeout: 1s, trip: consecutiveFailures >= 3 } }", target: "retry: r, circuitBreaker: b", faults: stop11s},
	"a_breaker_longer_than_the_gap":      {policies: "retries: { r: { duration: 1s, maxRetries: -1 } }\ncircuitBreakers: { b: { timeout: 4s, trip: consecutiveFailures >= 3 } }", target: "retry: r, circuitBreaker: b", faults: stop11s},
	"a_breaker_alone":                    {policies: "circuitBreakers: { b: { timeout: 4500ms, trip: consecutiveFailures >= 3 } }", target: "circuitBreaker: b", sends: "callers: 3", faults: stop11s},
	"a_breaker_that_its_sidecar_forgets": {policies: "circuitBreakers: { b: { timeout: 40s, trip: consecutiveFailures >= 3 } }", target: "circuitBreaker: b", timeline: "- wait: { orders: 4 }\n  - fault: { stop: order-processor, only: app, for: 6500ms }\n  - wait: { for: 5500ms }\n  - fault: { restart: checkout, only: sidecar }\n  - wait: { recovered: checkout }\n  - wait: { orders: 4 }"},
	"a_breaker_in_slow_weather":          {policies: "circuitBreakers: { b: { timeout: 2s, trip: consecutiveFailures >= 3 } }", target: "circuitBreaker: b", sends: "callers: 4, every: 250ms", faults: "- fault: { slow: order-processor, delay: 300ms, for: 20500ms }\n  - fault: { respond: order-processor, status: 503, for: 14500ms }"},
	"a_breaker_with_two_probes":          {policies: "circuitBreakers: { b: { maxRequests: 2, timeout: 2s, trip: consecutiveFailures >= 3 } }", target: "circuitBreaker: b", faults: stop11s},
	"a_breaker_with_two_probes_of_unequal_length": {
		policies: "circuitBreakers: { b: { maxRequests: 2, timeout: 2s, trip: consecutiveFailures >= 3 } }", target: "circuitBreaker: b", sends: "callers: 4, every: 250ms",
		timeline: "- wait: { for: 1300ms }\n  - fault: { stop: order-processor, only: sidecar, for: 6500ms }\n  - fault: { slow: order-processor, delay: 900ms, first: 1, for: 9s }\n  - wait: { recovered: checkout }\n  - wait: { for: 4s }",
	},
	"a_window_shorter_than_a_failure":          {policies: "timeouts: { t: 1500ms }\nretries: { r: { duration: 500ms, maxRetries: -1 } }\ncircuitBreakers: { b: { interval: 1s, timeout: 5s, trip: consecutiveFailures >= 1 } }", target: "timeout: t, retry: r, circuitBreaker: b", faults: hang},
	"a_caller_with_less_time_than_the_timeout": {policies: "timeouts: { t: 3s }\ncircuitBreakers: { b: { timeout: 2s, trip: consecutiveFailures >= 3 } }", target: "timeout: t, circuitBreaker: b", sends: "timeout: 900ms, until: once", faults: hang},
	"a_breaker_and_404":                        {policies: "retries: { r: { duration: 1s, maxRetries: -1 } }\ncircuitBreakers: { b: { timeout: 1s, trip: consecutiveFailures >= 3 } }", target: "retry: r, circuitBreaker: b", faults: respond(404)},
	"a_breaker_and_two_outages": {
		policies: "retries: { r: { duration: 1s, maxRetries: -1 } }\ncircuitBreakers: { b: { timeout: 1s, trip: consecutiveFailures >= 5 } }", target: "retry: r, circuitBreaker: b",
		faults: stop4s + "\n  - wait: { recovered: checkout }\n  - wait: { orders: 2 }\n  " + stop4s,
	},
	"a_breaker_with_a_window_too_short_to_trip": {policies: "retries: { r: { duration: 1s, maxRetries: -1 } }\ncircuitBreakers: { b: { interval: 4s, timeout: 1s, trip: totalFailures >= 8 } }", target: "retry: r, circuitBreaker: b", faults: "- fault: { stop: order-processor, for: 20500ms }"},
	"a_breaker_with_a_window":                   {policies: "retries: { r: { duration: 1s, maxRetries: -1 } }\ncircuitBreakers: { b: { interval: 5s, timeout: 1s, trip: totalFailures >= 4 } }", target: "retry: r, circuitBreaker: b", faults: "- fault: { stop: order-processor, for: 20500ms }"},
	"two_paths": {
		policies: "circuitBreakers: { b: { timeout: 2s, trip: totalFailures >= 3 } }", target: "circuitBreaker: b",
		app: ", env: { TAKES: anything }", caller: ", env: { RETURNS: 700ms }",
		faults: "- fault: { respond: order-processor, status: 503, path: /orders, for: 6500ms }",
	},

	"a_spec_for_others":     {scopes: "scopes: [ somebody-else ]", policies: "retries: { r: { duration: 500ms, maxRetries: 9 } }", target: "retry: r", faults: stop11s},
	"default_policies":      {policies: "retries: { DefaultAppRetryPolicy: { duration: 1s, maxRetries: 2 } }", faults: noApp},
	"a_target_with_a_hole":  {policies: "retries: { DefaultAppRetryPolicy: { duration: 1s, maxRetries: 2 } }\ntimeouts: { t: 5s }", target: "timeout: t", faults: noApp},
	"built_in_retries_only": {policies: "timeouts: {}", faults: stop11s},
	"built_in_and_no_app":   {policies: "timeouts: {}", faults: noApp},
}

// respond lets the app's door answer with a status for a while.
func respond(status int) string {
	return fmt.Sprintf("- fault: { respond: order-processor, status: %d, for: 6500ms }", status)
}

// text gives the setting's files.
func (s setting) text() (scenarioFile, specFile string) {
	timeline := s.timeline
	if timeline == "" {
		timeline = "- wait: { orders: 4 }\n  " + s.faults + "\n  - wait: { recovered: checkout }\n  - wait: { orders: 4 }"
	}
	sends := s.sends
	if !strings.Contains(sends, "every:") {
		sends = strings.TrimPrefix(sends+", every: 1s", ", ")
	}
	scenarioFile = fmt.Sprintf(`name: rogue
why: a rogue shows what it is
resiliency: resiliency.yaml
services:
  order-processor: { app: order-processor%s }
  checkout: { app: checkout, sends: { to: order-processor, %s }%s }
timeline:
  %s
%s
`, s.app, sends, s.caller, timeline, s.expect)
	app := "order-processor: { " + s.target + " }"
	if s.target == "" {
		app = "somebody-else: {}"
	}
	specFile = fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: promises }
%s
spec:
  policies:
    %s
  targets: { apps: { %s } }
`, s.scopes, strings.ReplaceAll(s.policies, "\n", "\n    "), app)
	return scenarioFile, specFile
}

func (s setting) parse(t *testing.T) (scenario.Scenario, *resiliency.Spec) {
	t.Helper()
	scenarioFile, specFile := s.text()
	parsed, problems := scenario.Parse("scenario.yaml", []byte(scenarioFile))
	require.NoError(t, problems.Err(), scenarioFile)
	spec, problems := resiliency.Parse("resiliency.yaml", []byte(specFile))
	require.NoError(t, problems.Err(), specFile)
	return parsed, spec
}
