package sidecar_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/sidecar"
)

// metrics gives a sidecar's series that begin with prefix, each shortened to its value and the labels that differ.
func metrics(t *testing.T, s *running, prefix string) []string {
	t.Helper()
	_, text := call(t, "GET", "http://"+s.Metrics+"/", "")
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			out = append(out, strings.TrimSpace(strings.TrimPrefix(line, prefix)))
		}
	}
	slices.Sort(out)
	return out
}

// of are the labels of a resiliency figure, as daprd 1.18.3 prints them.
func of(policy, status, target string) string {
	return fmt.Sprintf(`{app_id="caller",flow_direction="outbound",name="counted",namespace="there",policy=%q,status=%q,target=%q} `, policy, status, target)
}

// counted opens its breaker at the third failure and half-opens it at once.
const counted = `
kind: Resiliency
metadata: { name: counted, namespace: there }
spec:
  policies:
    timeouts: { t: 20ms }
    retries: { r: { duration: 1ms, maxRetries: 2 } }
    circuitBreakers: { b: { timeout: 2ns, trip: consecutiveFailures >= 3 } }
  targets: { apps: { target: { retry: r, circuitBreaker: b }, plain: { timeout: t, retry: r } } }
`

func TestMetricsAreDaprsWithItsNamesAndLabels(t *testing.T) {
	down := true
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			io.Copy(io.Discard, r.Body) // net/http watches for the caller's end only from here
			<-r.Context().Done()
		}
		if down {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	caller, _ := pairUnder(t, app, counted)
	require.Equal(t, []string{`{app_id="caller",name="counted",namespace="there"} 1`}, metrics(t, caller, "dapr_resiliency_loaded"))
	require.Empty(t, metrics(t, caller, "dapr_resiliency_count"), "what never happened is no series")

	post := func(path, app string) { call(t, "POST", "http://"+caller.HTTP+path, "x", "dapr-app-id", app) }
	post("/orders", "target") // the third attempt's failure opens the breaker
	require.Equal(t, []string{of("circuitbreaker", "closed", "app_target") + "1", of("retry", "", "app_target") + "1"},
		metrics(t, caller, "dapr_resiliency_count"), "a policy counts once a request, with the state at its start")
	require.Equal(t, []string{of("circuitbreaker", "open", "app_target") + "1", of("retry", "", "app_target") + "1"},
		metrics(t, caller, "dapr_resiliency_activations_total"), "a retry counts once an operation")
	require.Contains(t, metrics(t, caller, "dapr_resiliency_cb_state"), of("circuitbreaker", "closed", "app_target")+"1",
		"set at a request's start, so it still says closed")
	require.Equal(t, []string{`{app_id="caller",dst_app_id="target",type="unary"} 3`},
		metrics(t, caller, "dapr_runtime_service_invocation_req_sent_total"), "every attempt")

	down = false
	post("/orders", "target") // the probe closes it
	require.Contains(t, metrics(t, caller, "dapr_resiliency_count"), of("circuitbreaker", "half-open", "app_target")+"1")
	require.Equal(t, []string{
		of("circuitbreaker", "closed", "app_target") + "1", of("circuitbreaker", "open", "app_target") + "1", of("retry", "", "app_target") + "1",
	}, metrics(t, caller, "dapr_resiliency_activations_total"), "half-open is no activation")
	require.Equal(t, []string{
		of("circuitbreaker", "closed", "app_target") + "0", of("circuitbreaker", "half-open", "app_target") + "1",
		of("circuitbreaker", "open", "app_target") + "0", of("circuitbreaker", "unknown", "app_target") + "0",
	}, metrics(t, caller, "dapr_resiliency_cb_state"))
	post("/another", "target")
	require.Contains(t, metrics(t, caller, "dapr_resiliency_cb_state"), of("circuitbreaker", "closed", "app_target")+"1",
		"one series a target, whatever the path")

	post("/hang", "plain") // three attempts, three timeouts
	require.Contains(t, metrics(t, caller, "dapr_resiliency_count"), of("timeout", "", "app_plain")+"1")
	require.Contains(t, metrics(t, caller, "dapr_resiliency_activations_total"), of("timeout", "", "app_plain")+"1", "once an operation")
	post("/orders", "bare")
	require.NotContains(t, strings.Join(metrics(t, caller, "dapr_resiliency_count"), " "), "app_bare", "no policies, no figures")
}

func TestDaprDoesNotCountItsBuiltInRetries(t *testing.T) {
	t.Parallel()
	caller := start(t, sidecar.Config{AppID: "caller", MetricsPort: freePort(t), Peers: map[string]string{"target": "127.0.0.1:1"}})
	call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", "target")
	require.Empty(t, metrics(t, caller, "dapr_resiliency"))
	require.Equal(t, []string{`{app_id="caller",dst_app_id="target",type="unary"} 4`}, metrics(t, caller, "dapr_runtime_service_invocation_req_sent_total"))
}
