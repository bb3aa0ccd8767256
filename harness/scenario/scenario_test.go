package scenario_test

import (
	"encoding/json"
	"os"
	"path/filepath"
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
