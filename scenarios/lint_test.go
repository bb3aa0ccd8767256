package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/lint"
	"github.com/halfopen/halfopen/harness/scenario"
)

// lintStory is what a spec goes through: two orders, a fault, and two orders more.
func lintStory(fault, orders string) string {
	return `name: lint
why: what lint says of a spec is what its sidecar does
services:
  order-processor: { app: order-processor }
  checkout: { app: checkout, sends: { to: order-processor, every: 1s, until: ` + orders + ` } }
timeline:
  - wait: { orders: 2 }
  - fault: { ` + fault + ` }
  - wait: { for: 100s }
  - wait: { orders: 2 }
`
}

// whatCameOfIt is what a run shows of a spec.
type whatCameOfIt struct {
	loaded bool   // the sidecar proves its policies
	says   string // what checkout's sidecar says at load, of warnings and errors
	most   int    // attempts of one operation at most
	opened bool
	took   time.Duration // the longest operation
}

func underSpec(t *testing.T, story, text string) whatCameOfIt {
	t.Helper()
	s, problems := scenario.Parse("/lint/scenario.yaml", []byte(story))
	require.Empty(t, problems)
	// Without a spec of the harness's own: it would start no load where the sidecar doesn't prove it.
	c, _ := rehearse(t, harness.Rehearsal{Scenario: s, Sidecars: []byte(text), Start: memory.New(honest)})
	var out whatCameOfIt
	attempts := map[string]int{}
	began := map[string]time.Duration{}
	for _, e := range c.History.Events {
		switch {
		case e.Kind == history.KindPolicy && e.Service == "checkout":
			out.loaded = out.loaded || e.Text == "loaded" && e.ID == "orders"
		case e.Kind == history.KindRequest && e.Link == "checkout->order-processor":
			attempts[e.Op]++
			out.most = max(out.most, attempts[e.Op])
		case e.Kind == history.KindRequest && e.Link == "checkout->sidecar":
			began[e.Op] = e.At
		case e.Kind == history.KindResponse && e.Link == "checkout->sidecar":
			out.took = max(out.took, e.At-began[e.Op])
		case e.Kind == history.KindLine && e.Service == "checkout" && e.Part == history.Sidecar:
			out.opened = out.opened || strings.Contains(e.Text, "changed state from closed to open")
			if strings.Contains(e.Text, "level=error") || strings.Contains(e.Text, "resiliency policy") || strings.Contains(e.Text, "have no effect") {
				out.says += e.Text + "\n"
			}
		}
	}
	require.NotZero(t, out.most, "nothing crossed the link")
	return out
}

// Each of lint's errors, shown: under the rule's failing example the sidecar does what the rule says, and under its
// passing one what the spec says. What needs actors or components to be seen is shown as far as the sidecar says it
// at load.
func TestLintsErrorsAreWhatHappens(t *testing.T) {
	notShort(t)
	const retries = 4 // attempts of the examples' retry: maxRetries 3
	appTarget := "    apps:\n      order-processor: { timeout: patience, retry: again }\n"
	withRetry := func(spec string) string {
		spec = strings.Replace(spec, "    circuitBreakers:", "    retries:\n      again: { policy: constant, duration: 1s, maxRetries: 3 }\n    circuitBreakers:", 1)
		return strings.Replace(spec, "  targets:\n", "  targets:\n"+appTarget, 1)
	}
	same := func(spec string) string { return spec }
	shown := map[string]struct {
		edit func(string) string // makes a target of ours visible beside an actor's or a component's
		bad  func(t *testing.T, w whatCameOfIt)
		good func(t *testing.T, w whatCameOfIt)
	}{
		"L01": {same, func(t *testing.T, w whatCameOfIt) {
			require.False(t, w.loaded)
			require.Contains(t, w.says, "Could not read resiliency policy orders")
			require.Equal(t, 1, w.most, "no target applies")
		}, retried(retries)},
		"L02": {same, func(t *testing.T, w whatCameOfIt) {
			require.True(t, w.loaded, "without a word")
			require.Empty(t, w.says)
			require.Equal(t, 1, w.most, "no retry")
		}, retried(retries)},
		"L03": {same, neverOpens, opens},
		"L04": {same, neverOpens, opens},
		"L05": {same, func(t *testing.T, w whatCameOfIt) {
			require.True(t, w.loaded, "without a word")
			require.Empty(t, w.says)
			require.Greater(t, w.most, 15, "for ever, since maxRetries has its default")
		}, retried(retries)},
		"L06": {func(spec string) string { return strings.Replace(spec, "  targets:\n", "  targets:\n"+appTarget, 1) }, func(t *testing.T, w whatCameOfIt) {
			require.True(t, w.loaded, "without a word")
			require.NotContains(t, w.says, "Could not")
			require.Equal(t, retries, w.most)
		}, retried(retries)},
		"L07": {withRetry, func(t *testing.T, w whatCameOfIt) {
			require.False(t, w.loaded)
			require.Contains(t, w.says, "Could not read resiliency policy orders: actor circuit breakers must include scope")
			require.Equal(t, retries, w.most, "app targets apply all the same")
		}, retried(retries)},
		"L08": {same, func(t *testing.T, w whatCameOfIt) {
			require.False(t, w.loaded)
			require.Contains(t, w.says, "Could not parse resiliency file")
			require.Equal(t, 1, w.most, "nothing is loaded")
		}, retried(retries)},
		"L09": {same, skipped, retried(retries)},
		"L10": {same, skipped, retried(retries)},
	}
	for _, r := range lint.Rules() {
		if r.Severity != lint.Error {
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			show, ok := shown[r.ID]
			require.True(t, ok, "an error that nobody shows")
			bad, good := r.Examples()
			for text, check := range map[string]func(*testing.T, whatCameOfIt){show.edit(bad): show.bad, show.edit(good): show.good} {
				check(t, underSpec(t, lintStory("respond: order-processor, status: 503, for: 20s", "once"), text))
			}
		})
	}
}

// A list of resources is for kubectl: as lint says, from a folder it is not loaded.
func TestAListIsNotLoaded(t *testing.T) {
	t.Parallel()
	rule, _ := lint.Find("L10")
	_, good := rule.Examples()
	list := "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(good), "\n", "\n  ") + "\n"
	report := lint.Check([]lint.Source{{Name: "x.yaml", Data: []byte(list)}}, lint.Options{})
	require.Equal(t, 1, report.Count(lint.Error))
	require.Equal(t, "L10", report.Findings[0].Rule)
	skipped(t, underSpec(t, lintStory("respond: order-processor, status: 503, for: 20s", "once"), list))
}

func retried(attempts int) func(*testing.T, whatCameOfIt) {
	return func(t *testing.T, w whatCameOfIt) {
		require.True(t, w.loaded)
		require.NotContains(t, w.says, "Could not")
		require.Equal(t, attempts, w.most)
	}
}

func skipped(t *testing.T, w whatCameOfIt) {
	require.False(t, w.loaded)
	require.Empty(t, w.says, "without a word")
	require.Equal(t, 1, w.most, "nothing is loaded")
}

func neverOpens(t *testing.T, w whatCameOfIt) {
	require.True(t, w.loaded)
	require.Empty(t, w.says, "without a word")
	require.False(t, w.opened)
}

func opens(t *testing.T, w whatCameOfIt) {
	require.True(t, w.loaded)
	require.True(t, w.opened)
}
