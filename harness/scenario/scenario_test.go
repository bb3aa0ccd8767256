package scenario_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// home is the home story with everything spelled out that may be.
const home = `name: home
why: a story
seed: 7
services:
  order-processor: { app: order-processor }
  own: { command: [python3, app.py], port: 8001, env: { A: b }, ready: /healthz, readyWithin: 1m, host: 127.0.0.1 }
  web: { image: "shop:1", sends: { to: own, path: a/b, id: $.order.id, every: 2s } }
  checkout:
    app: checkout
    sends: { to: own, method: PUT, path: /a/b, headers: { X-A: b }, body: '{"n":{{.ID}}}', every: 500ms, callers: 2, timeout: 3s, until: once }
timeline:
  - wait: { orders: 4 }
  - fault: { stop: own, only: app, for: 45s }
  - fault: { latency: checkout->own, delay: 300ms, jitter: 50ms, direction: response, name: slow }
  - wait: { opened: checkout, within: 9s }
  - wait: { for: 3s }
  - send: { from: checkout, within: 4s }
  - heal: slow
  - wait: { recovered: checkout }
expect:
  verdict: fail
  checks: [recovery]
  logs:
    - { service: checkout, match: 'Order passed', times: 2 }
`

func parse(t *testing.T, text string) scenario.Scenario {
	t.Helper()
	s, problems := scenario.Parse(filepath.Join("home", "scenario.yaml"), []byte(text))
	require.Empty(t, problems)
	return s
}

func TestEverythingThatAScenarioMaySayIsRead(t *testing.T) {
	s := parse(t, home)
	require.Equal(t, "home", s.Name)
	require.EqualValues(t, 7, s.Seed)
	require.Equal(t, 6001, s.Service("order-processor").Port, "the built-in's own port")
	own := s.Service("own")
	require.Equal(t, []string{"python3", "app.py"}, own.Command)
	require.Equal(t, "/healthz", own.Ready)
	require.Equal(t, time.Minute, own.ReadyWithin)
	require.Equal(t, "127.0.0.1", own.Host)
	require.Equal(t, &scenario.Sends{
		To: "own", Method: "POST", Path: "a/b", Body: `{"orderId":{{.ID}}}`, Every: 2 * time.Second, Callers: 1, Until: "accepted", ID: "$.order.id",
	}, s.Service("web").Sends)
	require.Equal(t, &scenario.Sends{
		To: "own", Method: "PUT", Path: "a/b", Headers: map[string]string{"X-A": "b"}, Body: `{"n":{{.ID}}}`,
		Every: 500 * time.Millisecond, Callers: 2, Timeout: 3 * time.Second, Until: "once",
	}, s.Service("checkout").Sends)
	require.Equal(t, &scenario.Fault{Name: "stop-own-app", Kind: "stop", Service: "own", Part: "app", For: 45 * time.Second}, s.Timeline[1].Fault)
	require.Equal(t, &scenario.Fault{
		Name: "slow", Kind: "latency", Link: "checkout->own", Delay: 300 * time.Millisecond, Jitter: 50 * time.Millisecond, Direction: "response",
	}, s.Timeline[2].Fault)
	require.Equal(t, "slow", s.Timeline[6].Heal)
	require.Equal(t, []scenario.Log{{Service: "checkout", Part: "app", Match: "Order passed", Times: 2}}, s.Expect.Logs)
	words := []string{
		"wait for 4 orders", "stop own/app for 45s", "latency checkout->own by 300ms ±50ms", "wait until a breaker of checkout opens",
		"wait 3s", "send an order through checkout's sidecar", "heal slow", "wait until checkout has recovered",
	}
	for i, step := range s.Timeline {
		require.Equal(t, words[i], step.String())
	}
}

func TestDefaultsOfSends(t *testing.T) {
	s := parse(t, "name: home\nwhy: x\nservices:\n  b: { app: order-processor }\n  a: { app: checkout, sends: { to: b } }\ntimeline:\n  - wait: { orders: 1 }\n")
	require.Equal(t, &scenario.Sends{
		To: "b", Method: "POST", Path: "orders", Body: `{"orderId":{{.ID}}}`, Every: time.Second, Callers: 1, Until: "accepted",
	}, s.Service("a").Sends)
}

func TestAPlanHasALinkForEachHopAndLimitsForEachWait(t *testing.T) {
	plan := scenario.NewPlan(parse(t, home), nil)
	var names []string
	for _, l := range plan.Links {
		names = append(names, l.Name)
	}
	require.Equal(t, []string{"web->sidecar", "web->own", "checkout->sidecar", "checkout->own", "order-processor->app", "own->app"}, names)
	for _, l := range plan.Links {
		want := map[string][]string{"web->sidecar": {"$.order.id"}, "web->own": {"$.order.id"}, "own->app": {"$.order.id"}}[l.Name]
		require.Equal(t, want, plan.IDs(l), l.Name)
	}
	require.Equal(t, 9*time.Second, plan.Limits[3], "within")
	require.Zero(t, plan.Limits[1], "a fault does not wait")
	require.Greater(t, plan.Limits[7], 45*time.Second)
	saved, err := json.Marshal(plan)
	require.NoError(t, err)
	var back scenario.Plan
	require.NoError(t, json.Unmarshal(saved, &back))
	again, err := json.Marshal(back)
	require.NoError(t, err)
	require.Equal(t, string(saved), string(again), "a plan survives being saved")
}

func TestTheHomeStoryTakesAboutAMinute(t *testing.T) {
	dir := filepath.Join("..", "..", "scenarios", "stop-order-processor")
	text, err := os.ReadFile(filepath.Join(dir, "scenario.yaml"))
	require.NoError(t, err)
	s, problems := scenario.Parse(filepath.Join(dir, "scenario.yaml"), text)
	require.Empty(t, problems)
	spec, err := os.ReadFile(filepath.Join(dir, "resiliency.yaml"))
	require.NoError(t, err)
	parsed, problems := resiliency.Parse("resiliency.yaml", spec)
	require.Empty(t, problems)
	plan := scenario.NewPlan(s, parsed)
	require.InDelta(t, 58, plan.Expected.Seconds(), 4)
}

// What follows from a mistake is not told beside it, and a wrong name that stands in many places is told of once.
func TestAMistakeIsToldOnceWithPlaceAndHint(t *testing.T) {
	const good = `name: home
why: a story
services:
  b: { app: order-processor }
  shop: { app: checkout, sends: { to: b, every: 1s } }
timeline:
  - wait: { orders: 4 }
  - fault: { stop: b, for: 45s }
  - wait: { opened: shop }
  - wait: { recovered: shop }
`
	require.Empty(t, parse(t, good).Resiliency)
	for name, c := range map[string]struct{ from, to, says string }{
		"a_target_and_a_link_to_it":         {"to: b, every: 1s } }", "to: bb } }\n  c: { app: checkout, sends: { to: bb } }", `services.shop.sends.to: no service "bb", also named on line 6`},
		"a_target_whose_link_is_right":      {"to: b, every: 1s } }\ntimeline:\n  - wait: { orders: 4 }\n  - fault: { stop: b", "to: bb } }\ntimeline:\n  - fault: { cut: shop->b", `no service "bb"`},
		"a_service_renamed":                 {"  b: {", "  orders: {", `sends.to: no service "b", also named on line 8`},
		"a_service_in_capitals":             {"  b: {", "  B: {", `"B" is no app id`},
		"a_caller_misspelt_twice":           {"opened: shop }\n  - wait: { recovered: shop", "opened: shpo }\n  - wait: { recovered: shpo", `no service "shpo", also named on line 10`},
		"a_link_of_a_stranger_twice":        {"stop: b, for: 45s", "stop: bb, for: 45s }\n  - fault: { cut: shop->bb, for: 1s", `no service "bb", also named on line 9`},
		"services_misspelt":                 {"services:", "service:", "service: unknown field\n    hint: did you mean services?"},
		"timeline_misspelt":                 {"timeline:", "timelines:", "did you mean timeline?"},
		"app_misspelt":                      {"b: { app:", "b: { ap:", "did you mean app?"},
		"sends_misspelt":                    {"sends:", "send:", "did you mean sends?"},
		"the_target_misspelt":               {"{ to: b", "{ too: b", "did you mean to?"},
		"a_kind_of_fault_misspelt":          {"stop: b", "stopp: b", "did you mean stop?"},
		"for_misspelt":                      {"for: 45s", "fro: 45s", "did you mean for?"},
		"what_is_waited_for_misspelt":       {"{ orders: 4", "{ order: 4", "did you mean orders?"},
		"an_app_that_is_none":               {"app: order-processor", "app: order-procesor", "no built-in app"},
		"an_app_id_without_app":             {"{ app: order-processor }", "", "has neither `app:` nor `image:`"},
		"services_as_a_list":                {"  b: { app: order-processor }\n  shop:", "  - b: { app: order-processor }\n  - shop:", "services: want a map, got a list"},
		"a_port_that_is_none":               {"{ app: order-processor }", "{ command: [x], port: abc }", `"abc" is no whole number`},
		"a_port_too_high":                   {"{ app: order-processor }", "{ command: [x], port: 70000 }", `"70000" is no port`},
		"a_program_without_port":            {"{ app: order-processor }", "{ command: [x] }", "has neither `port:` nor `sends:`"},
		"a_command_as_text":                 {"{ app: order-processor }", "{ command: python3 app.py, port: 80 }", "hint: command: [python3, app.py]"},
		"an_empty_command":                  {"{ app: order-processor }", "{ command: [], port: 80 }", "command: is empty"},
		"a_fault_as_text":                   {"fault: { stop: b, for: 45s }", "fault: stop b", "want a map, got a single value"},
		"a_fault_of_nothing":                {"fault: { stop: b, for: 45s }", "fault:", "timeline[1].fault: is empty"},
		"a_fault_of_two":                    {"stop: b", "stop: b, kill: b", "must break one thing"},
		"a_fault_of_two_that_is_healed":     {"stop: b, for: 45s }", "stop: b, kill: b }\n  - heal: stop-b", "must break one thing"},
		"a_target_that_is_a_map":            {"stop: b", "stop: { app: b }", "want a single value, got a map"},
		"a_wait_as_text":                    {"{ orders: 4 }", "4", "want a map, got a single value"},
		"a_wait_for_a_map":                  {"opened: shop", "opened: { app: shop }", "want a single value, got a map"},
		"a_number_in_letters":               {"orders: 4", "orders: four", `"four" is no whole number`},
		"callers_in_letters":                {"every: 1s", "callers: many", `"many" is no whole number`},
		"a_delay_without_unit":              {"stop: b", "latency: shop->b, delay: 300, jitter: 10ms", `"300" is no duration`},
		"a_status_in_letters":               {"stop: b", "respond: b, status: bad", `"bad" is no whole number`},
		"an_outage_backwards":               {"for: 45s", "for: -45s", "-45s is negative"},
		"the_timeline_as_a_map":             {"  - wait: { orders: 4 }\n  - fault: { stop: b, for: 45s }\n  - wait: { opened: shop }\n  - wait: { recovered: shop }\n", "  wait: { orders: 4 }\n", "want a list, got a map"},
		"a_heal_misspelt":                   {"for: 45s }", "name: off }\n  - heal: offf", `no fault "offf" before it` + "\n    hint: did you mean off?"},
		"a_name_in_capitals":                {"name: home", "name: Home", "want small letters"},
		"a_sidecar_of_no_kind":              {"services:", "sidecar: { version: 1.18.3 }\nservices:", "sidecar.kind: is missing"},
		"expected_checks_misspelt":          {"services:", "expect: { verdict: fail, check: [recovery] }\nservices:", "did you mean checks?"},
		"a_line_as_text":                    {"services:", "expect: { logs: [passed] }\nservices:", "expect.logs[0]: want a map"},
		"a_door_of_a_service_that_is_wrong": {"{ app: order-processor }\n  shop: { app: checkout, sends: { to: b, every: 1s } }\ntimeline:\n  - wait: { orders: 4 }\n  - fault: { stop: b", "{ image: x }\n  shop: { app: checkout, sends: { to: b } }\ntimeline:\n  - fault: { hang: b", "has neither `port:`"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, good, c.from)
			text := strings.Replace(good, c.from, c.to, 1)
			_, problems := scenario.Parse(filepath.Join("home", "scenario.yaml"), []byte(text))
			require.Len(t, problems, 1, "%s\n%v", text, problems)
			require.Contains(t, problems.Error(), c.says)
			require.Positive(t, problems[0].Column)
			require.NotEmpty(t, problems[0].Field)
			require.NotEmpty(t, problems[0].Hint)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(home))
	files, _ := filepath.Glob("../testdata/bad/*/scenario.yaml")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, problems := scenario.Parse("x/scenario.yaml", text)
		if len(problems) == 0 {
			scenario.NewPlan(s, nil)
		}
	})
}
