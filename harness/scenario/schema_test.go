package scenario_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/halfopen/halfopen/harness/scenario"
)

// schema compiles the program's own, in all strictness.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(scenario.Schema))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("scenario.schema.json", doc))
	s, err := c.Compile("scenario.schema.json")
	require.NoError(t, err)
	return s
}

// refuses tells what a schema has against a YAML text; nil for nothing.
func refuses(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal([]byte(text), &v))
	return s.Validate(v)
}

func TestEveryScenarioIsWhatTheSchemaSaysAndNamesIt(t *testing.T) {
	s := schema(t)
	own, err := filepath.Abs("scenario.schema.json")
	require.NoError(t, err)
	files, err := filepath.Glob("../../scenarios/*/scenario.yaml")
	require.NoError(t, err)
	more, err := filepath.Glob("../../scenarios/testdata/*/scenario.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 30)
	for _, pattern := range []string{"../../examples/*/*/scenario.yaml", "../../examples/gotest/scenarios/*/scenario.yaml"} {
		examples, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, examples, pattern)
		more = append(more, examples...)
	}
	for _, file := range append(files, more...) {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, refuses(t, s, string(text)))
			first, _, _ := strings.Cut(string(text), "\n")
			path, named := strings.CutPrefix(first, "# yaml-language-server: $schema=")
			require.True(t, named, "its first line is no modeline: %s", first)
			path, err = filepath.Abs(filepath.Join(filepath.Dir(file), path))
			require.NoError(t, err)
			require.Equal(t, own, path)
		})
	}
	require.NoError(t, refuses(t, s, home))
}

// places are all kinds of maps in a scenario, each with a field that nobody knows.
var places = map[string]string{
	"":        "unheardof: 1\n",
	"service": "services: { a: { unheardof: 1 } }\n",
	"sends":   "services: { a: { app: checkout, sends: { unheardof: 1 } } }\n",
	"step":    "timeline: [ { unheardof: 1 } ]\n",
	"wait":    "timeline: [ wait: { unheardof: 1 } ]\n",
	"fault":   "timeline: [ fault: { unheardof: 1 } ]\n",
	"send":    "timeline: [ send: { unheardof: 1 } ]\n",
	"expect":  "expect: { unheardof: 1 }\n",
	"sidecar": "sidecar: { unheardof: 1 }\n",
	"log":     "expect: { logs: [ { unheardof: 1 } ] }\n",
}

// The parser says which fields it knows when it meets one that it doesn't.
func TestNoFieldIsKnownToTheSchemaOrToTheParserAlone(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(scenario.Schema))
	require.NoError(t, err)
	root := doc.(map[string]any)
	defs := root["$defs"].(map[string]any)
	strict := 0
	for place, text := range places {
		t.Run("in_"+place, func(t *testing.T) {
			known := ""
			_, problems := scenario.Parse("x/scenario.yaml", []byte(text))
			for _, p := range problems {
				if list, ok := strings.CutPrefix(p.Hint, "known here: "); ok && strings.HasSuffix(p.Field, "unheardof") {
					known = list
				}
			}
			require.NotEmpty(t, known, "%v", problems)
			def := root
			if place != "" {
				def = defs[place].(map[string]any)
			}
			strict++
			require.Equal(t, false, def["additionalProperties"])
			names := slices.Sorted(maps.Keys(def["properties"].(map[string]any)))
			require.Equal(t, known, strings.Join(names, ", "))
		})
	}
	closed := strings.Count(string(scenario.Schema), `"additionalProperties": false`)
	require.Equal(t, closed, strict, "a kind of map is missing in this test")
}

// with is a good scenario with one of its parts replaced.
func with(part, text string) string {
	parts := map[string]string{
		"name": "name: x", "why": "why: x", "seed": "seed: 1", "more": "",
		"services": "services: { b: { app: order-processor }, a: { app: checkout, sends: { to: b } } }",
		"timeline": "timeline: [ wait: { orders: 1 } ]",
	}
	switch part {
	case "fault":
		part, text = "timeline", "timeline: [ fault: { "+text+" } ]"
	case "wait":
		part, text = "timeline", "timeline: [ fault: { stop: b, for: 1s }, wait: { "+text+" } ]"
	case "service":
		part, text = "services", "services: { b: { app: order-processor }, a: { app: checkout, sends: { to: b } }, c: { "+text+" } }"
	case "sends":
		part, text = "services", "services: { b: { app: order-processor }, a: { app: checkout, sends: { "+text+" } } }"
	}
	parts[part] = text
	return strings.Join([]string{parts["name"], parts["why"], parts["seed"], parts["services"], parts["timeline"], parts["more"]}, "\n") + "\n"
}

func TestWhatTheSchemaRefusesTheParserRefuses(t *testing.T) {
	s := schema(t)
	for _, text := range []string{with("", ""), with("more", "resiliency: r.yaml\nexpect: {}")} {
		_, problems := scenario.Parse("x/scenario.yaml", []byte(text))
		require.Empty(t, problems, "the rows below are about something else")
		require.NoError(t, refuses(t, s, text))
	}
	for name, c := range map[string]struct{ part, text string }{
		"no_name":                            {"name", ""},
		"a_name_in_capitals":                 {"name", "name: Stop"},
		"no_why":                             {"why", ""},
		"an_empty_why":                       {"why", `why: ""`},
		"a_seed_that_is_no_number":           {"seed", "seed: much"},
		"no_services":                        {"services", ""},
		"services_as_a_list":                 {"services", "services: [ a ]"},
		"no_timeline":                        {"timeline", ""},
		"an_empty_timeline":                  {"timeline", "timeline: []"},
		"an_app_id_in_capitals":              {"services", "services: { B: { app: order-processor }, a: { app: checkout, sends: { to: B } } }"},
		"an_unknown_app":                     {"service", "app: basket"},
		"no_app_at_all":                      {"service", "port: 80"},
		"an_app_and_an_image":                {"service", "app: order-processor, image: x"},
		"an_app_and_a_command":               {"service", "app: order-processor, command: [x]"},
		"an_image_without_port":              {"service", "image: x"},
		"a_command_that_is_a_text":           {"service", "command: x, port: 80"},
		"a_port_out_of_range":                {"service", "image: x, port: 70000"},
		"a_checkout_with_port":               {"service", "app: checkout, port: 80, sends: { to: b }"},
		"a_checkout_that_sends_nothing":      {"service", "app: checkout"},
		"an_order_processor_that_sends":      {"service", "app: order-processor, sends: { to: b }"},
		"an_image_that_is_told_a_body":       {"service", "image: x, port: 80, sends: { to: b, body: y }"},
		"an_image_on_localhost":              {"service", "image: x, port: 80, host: 127.0.0.1"},
		"an_order_processor_on_localhost":    {"service", "app: order-processor, host: 127.0.0.1"},
		"ready_without_a_port":               {"service", "command: [x], ready: /healthz, sends: { to: b }"},
		"an_id_of_the_built_in_checkout":     {"sends", "to: b, id: $.orderId"},
		"an_id_that_is_no_path":              {"service", "command: [x], sends: { to: b, id: orderId }"},
		"a_command_at_a_strange_host":        {"service", "command: [x], port: 80, host: 10.0.0.1"},
		"sends_to_nobody":                    {"sends", "every: 1s"},
		"a_method_in_small_letters":          {"sends", "to: b, method: post"},
		"a_pause_without_unit":               {"sends", "to: b, every: 5"},
		"a_pause_that_is_negative":           {"sends", "to: b, every: -5s"},
		"no_callers":                         {"sends", "to: b, callers: 0"},
		"until_something_else":               {"sends", "to: b, until: never"},
		"a_step_of_two":                      {"timeline", "timeline: [ { wait: { orders: 1 }, send: { from: a } } ]"},
		"a_step_of_nothing":                  {"timeline", "timeline: [ {} ]"},
		"a_wait_for_nothing":                 {"wait", ""},
		"a_wait_for_two":                     {"wait", "orders: 1, for: 1s"},
		"a_wait_for_no_orders":               {"wait", "orders: 0"},
		"a_wait_for_no_time":                 {"wait", "for: 0s"},
		"a_wait_for_ever":                    {"wait", "for: ever"},
		"a_send_from_nobody":                 {"timeline", "timeline: [ send: {} ]"},
		"a_fault_without_kind":               {"fault", "for: 1s"},
		"a_fault_of_two_kinds":               {"fault", "stop: b, kill: b, for: 1s"},
		"a_fault_for_no_time":                {"fault", "stop: b, for: 0s"},
		"a_restart_that_lasts":               {"fault", "restart: b, for: 1s"},
		"half_of_a_link":                     {"fault", "cut: a->b, only: app, for: 1s"},
		"a_third_half":                       {"fault", "stop: b, only: proxy, for: 1s"},
		"latency_without_delay":              {"fault", "latency: a->b, for: 1s"},
		"latency_of_nothing":                 {"fault", "latency: a->b, delay: 0s, for: 1s"},
		"a_slow_door_without_delay":          {"fault", "slow: b, for: 1s"},
		"a_slow_close_without_delay":         {"fault", "slow-close: a->b, for: 1s"},
		"a_delay_of_a_stop":                  {"fault", "stop: b, delay: 1s, for: 1s"},
		"a_jitter_of_a_slice":                {"fault", "slice: a->b, bytes: 4, jitter: 1s, for: 1s"},
		"after_without_reset":                {"fault", "cut: a->b, after: 1s, for: 1s"},
		"bandwidth_without_rate":             {"fault", "bandwidth: a->b, for: 1s"},
		"bandwidth_of_nothing":               {"fault", "bandwidth: a->b, rate: 0, for: 1s"},
		"a_rate_of_a_limit":                  {"fault", "limit: a->b, bytes: 4, rate: 4, for: 1s"},
		"slices_of_nothing":                  {"fault", "slice: a->b, bytes: 0, for: 1s"},
		"a_limit_without_bytes":              {"fault", "limit: a->b, for: 1s"},
		"a_direction_of_a_refusal":           {"fault", "refuse: a->b, direction: both, for: 1s"},
		"a_fourth_direction":                 {"fault", "cut: a->b, direction: up, for: 1s"},
		"an_answer_without_status":           {"fault", "respond: b, for: 1s"},
		"an_answer_that_is_not_final":        {"fault", "respond: b, status: 100, for: 1s"},
		"a_status_of_a_hanging_door":         {"fault", "hang: b, status: 500, for: 1s"},
		"retry_after_nothing_is_said":        {"fault", "hang: b, retryAfter: 2s, for: 1s"},
		"the_first_of_a_cut":                 {"fault", "cut: a->b, first: 3, for: 1s"},
		"a_path_of_a_link":                   {"fault", "cut: a->b, path: orders, for: 1s"},
		"a_share_of_a_link":                  {"fault", "cut: a->b, ratio: 0.5, for: 1s"},
		"the_first_none":                     {"fault", "hang: b, first: 0, for: 1s"},
		"more_than_all":                      {"fault", "hang: b, ratio: 1.5, for: 1s"},
		"a_share_of_the_first":               {"fault", "hang: b, ratio: 0.5, first: 3, for: 1s"},
		"a_verdict_that_is_none":             {"more", "expect: { verdict: unknown }"},
		"a_failure_of_nothing":               {"more", "expect: { verdict: fail }"},
		"failing_checks_that_pass":           {"more", "expect: { checks: [recovery] }"},
		"spec_errors_perhaps":                {"more", "expect: { specErrors: perhaps }"},
		"a_line_of_nobody":                   {"more", "expect: { logs: [ { match: x } ] }"},
		"a_line_that_says_nothing":           {"more", "expect: { logs: [ { service: a } ] }"},
		"a_line_of_the_proxy":                {"more", "expect: { logs: [ { service: a, match: x, part: proxy } ] }"},
		"a_line_fewer_than_never":            {"more", "expect: { logs: [ { service: a, match: x, times: -1 } ] }"},
		"a_third_sidecar":                    {"more", "sidecar: envoy"},
		"a_sidecar_of_no_kind":               {"more", "sidecar: { version: 1.18.3 }"},
		"a_third_way_to_find_each_other":     {"more", "sidecar: { kind: daprd, nameResolution: consul }"},
		"a_version_that_is_none":             {"more", "sidecar: { kind: daprd, version: latest }"},
		"an_unknown_field":                   {"more", "sed: 1"},
		"an_unknown_field_of_a_fault_":       {"fault", "stop: b, fro: 1s"},
		"an_unknown_field_that_is_in_a_wait": {"wait", "orders: 1, witin: 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			text := with(c.part, c.text)
			require.Error(t, refuses(t, s, text), "the schema takes\n%s", text)
			_, problems := scenario.Parse("x/scenario.yaml", []byte(text))
			require.NotEmpty(t, problems, "the parser takes\n%s", text)
		})
	}
}

// What takes looking at two places at once is the parser's alone to refuse.
func TestTheParserRefusesMoreThanASchemaCan(t *testing.T) {
	s := schema(t)
	for name, c := range map[string]struct{ part, text string }{
		"a_name_unlike_the_folder":  {"name", "name: y"},
		"sends_to_a_stranger":       {"sends", "to: c"},
		"sends_to_itself":           {"sends", "to: a"},
		"a_template_that_is_none":   {"sends", "to: b, body: '{{.Id}}'"},
		"a_caller_that_is_none":     {"wait", "recovered: b"},
		"a_link_that_is_none":       {"fault", "cut: b->a, for: 1s"},
		"a_fault_that_never_heals":  {"fault", "stop: b"},
		"a_jitter_above_the_delay":  {"fault", "latency: a->b, delay: 1s, jitter: 2s, for: 1s"},
		"a_door_of_nobody":          {"fault", "hang: a, for: 1s"},
		"retry_after_half_a_second": {"fault", "respond: b, status: 503, retryAfter: 1500ms, for: 1s"},
		"a_heal_of_nothing":         {"timeline", "timeline: [ heal: x ]"},
		"a_path_that_cannot_match":  {"fault", "respond: b, status: 503, path: 'orders/[', for: 1s"},
		"less_than_a_millisecond":   {"fault", "latency: a->b, delay: 100us, for: 1s"},
		"a_jitter_of_next_to_nil":   {"fault", "latency: a->b, delay: 10ms, jitter: 500us, for: 1s"},
		"a_reset_after_next_to_nil": {"fault", "reset: a->b, after: 10us, for: 1s"},
		"a_line_that_cannot_match":  {"more", "expect: { logs: [ { service: a, match: '(' } ] }"},
		"a_line_of_a_stranger":      {"more", "expect: { logs: [ { service: c, match: x } ] }"},
		"a_version_of_the_built_in": {"more", "sidecar: { kind: builtin, version: 1.18.3 }"},
		"a_daprd_that_is_two":       {"more", "sidecar: { kind: daprd, image: x, binary: y }"},
		"mdns_of_the_built_in":      {"more", "sidecar: { kind: builtin, nameResolution: mdns }"},
		"nobody_sends":              {"services", "services: { b: { app: order-processor } }"},
	} {
		t.Run(name, func(t *testing.T) {
			text := with(c.part, c.text)
			require.NoError(t, refuses(t, s, text))
			_, problems := scenario.Parse("x/scenario.yaml", []byte(text))
			require.NotEmpty(t, problems, "the parser takes\n%s", text)
		})
	}
}

// What each kind of fault may say, said: the schema must take what the parser takes.
func TestTheSchemaTakesWhatTheParserTakes(t *testing.T) {
	s := schema(t)
	for _, fault := range []string{
		"stop: b, for: 1m30s, only: app", "kill: b, for: 1.5s, only: sidecar", "pause: b, for: 500ms", "restart: b", "cut: a->b, direction: both, for: 1s",
		"refuse: b->app, for: 1s", "reset: a->sidecar, after: 1s, for: 1s", "latency: a->b, delay: 300ms, jitter: 0s, direction: request, for: 1s",
		"bandwidth: a->b, rate: 10, for: 1s", "slice: a->b, bytes: 4, delay: 0s, for: 1s", "slow-close: a->b, delay: 1s, direction: response, for: 1s",
		"limit: a->b, bytes: 1, name: l, for: 1s", "respond: b, status: 503, retryAfter: 2s, first: 3, path: /a/*, for: 1s", "hang: b, ratio: 0.5, for: 1s",
		"slow: b, delay: 1s, ratio: 1, for: 1s",
	} {
		text := with("fault", fault)
		_, problems := scenario.Parse("x/scenario.yaml", []byte(text))
		require.Empty(t, problems, fault)
		require.NoError(t, refuses(t, s, text), fault)
	}
	for _, sends := range []string{
		"to: b, every: 0, timeout: 0s", "to: b, every: '0', headers: { X-N: 1, X-B: true }", "to: b, method: PUT, path: '/a/{{.ID}}', body: '', callers: 9, until: once",
	} {
		text := with("sends", sends)
		_, problems := scenario.Parse("x/scenario.yaml", []byte(text))
		require.Empty(t, problems, sends)
		require.NoError(t, refuses(t, s, text), sends)
	}
	for _, sidecar := range []string{"builtin", "daprd", "{ kind: daprd, version: 1.18 }", "{ kind: daprd, version: 1.18.3, image: x }", "{ kind: daprd, binary: ./daprd }", "{ kind: daprd, nameResolution: nameformat }", "{ kind: daprd, nameResolution: mdns }"} {
		text := with("more", "sidecar: "+sidecar)
		_, problems := scenario.Parse("x/scenario.yaml", []byte(text))
		require.Empty(t, problems, sidecar)
		require.NoError(t, refuses(t, s, text), sidecar)
	}
	for _, service := range []string{
		"image: x, command: [a, 1], port: 80, ready: ok, env: { A: 1 }", "app: order-processor, port: 81", "command: [x], port: 80",
		"command: [x], port: 80, host: 127.0.0.1, ready: ok, readyWithin: 2m", "command: [x], sends: { to: b, id: $.order.id }", "image: x, port: 80, sends: { to: b, headers: { A: b } }",
	} {
		text := with("service", service)
		_, problems := scenario.Parse("x/scenario.yaml", []byte(text))
		require.Empty(t, problems, service)
		require.NoError(t, refuses(t, s, text), service)
	}
}
