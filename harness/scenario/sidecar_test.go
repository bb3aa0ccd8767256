package scenario_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/scenario"
)

// What can't be seen where daprd find each other by mDNS is refused by name.
func TestWhatMDNSWouldHideIsRefused(t *testing.T) {
	const story = "name: x\nwhy: a story\nsidecar: { kind: daprd, nameResolution: %s }\nservices: { b: { app: order-processor }, a: { app: checkout, sends: { to: b } }%s }\ntimeline: [ %s wait: { orders: 1 } ]\n"
	for name, c := range map[string]struct{ services, steps, says string }{
		"nothing_hidden":                 {"", "fault: { stop: b, for: 29s },", ""},
		"an_app_may_be_away_for_long":    {"", "fault: { stop: b, only: app, for: 45s },", ""},
		"a_caller_may_be_away_for_long":  {"", "fault: { stop: a, for: 45s },", ""},
		"a_link_may_be_cut_for_long":     {"", "fault: { refuse: a->b, for: 45s },", ""},
		"a_restart_is_short":             {"", "fault: { restart: b },", ""},
		"its_address_is_forgotten":       {"", "fault: { stop: b, for: 30s },", "stop-b takes b's daprd away, and after 30s a's forgets its address"},
		"nobody_knows_for_how_long":      {"", "fault: { pause: b, name: long }, heal: long,", "long takes b's daprd away"},
		"two_callers_share_one_address":  {", c: { app: checkout, sends: { to: b } }", "", "b announces one address, and a and c would share it"},
		"a_caller_asks_anew_meanwhile":   {"", "fault: { kill: b, only: sidecar, for: 9s }, fault: { restart: a, only: sidecar },", "after restart-a-sidecar a caller's daprd asks for its target's address anew"},
		"a_callers_app_may_come_anew":    {"", "fault: { kill: b, for: 9s }, fault: { restart: a, only: app },", ""},
		"two_callers_of_two_are_no_harm": {", d: { app: order-processor, port: 9 }, c: { app: checkout, sends: { to: d } }", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := scenario.Parse("x/scenario.yaml", fmt.Appendf(nil, story, "mdns", c.services, c.steps))
			if c.says == "" {
				require.NoError(t, problems.Err())
			} else {
				require.Len(t, problems, 1)
				require.ErrorContains(t, problems.Err(), c.says)
				require.ErrorContains(t, problems.Err(), "leave nameResolution out")
			}
			_, problems = scenario.Parse("x/scenario.yaml", fmt.Appendf(nil, story, "nameformat", c.services, c.steps))
			require.NoError(t, problems.Err(), "nameformat hides nothing of it")
		})
	}
}
