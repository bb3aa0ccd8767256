package sidecar_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/sidecar"
)

func TestANamespacedAppIDBypassesItsTarget(t *testing.T) {
	var n atomic.Int64
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	for range 5 { // each time it is one attempt, and no breaker opens
		resp, _ := call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", "target.default")
		require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	}
	require.EqualValues(t, 5, n.Load())
	call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", "target")
	require.EqualValues(t, 5+3, n.Load(), "under its own id it has its policies")
	call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", "target.default")
	require.EqualValues(t, 5+3+1, n.Load(), "the breaker that is open now is not asked")
	require.Equal(t, 1, strings.Count(caller.log.String(), "Retrying"))
}

func TestANamespacedAppIDBypassesTheBuiltInRetries(t *testing.T) {
	caller := start(t, sidecar.Config{AppID: "caller", MetricsPort: freePort(t), Peers: map[string]string{"target": "127.0.0.1:1"}})
	_, body := call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", "target.default")
	require.Contains(t, body, "failed to invoke, id: target, err: ")
	require.NotContains(t, body, "retries")
	_, metrics := call(t, "GET", "http://"+caller.Metrics+"/metrics", "")
	require.Contains(t, metrics, `req_sent_total{app_id="caller",dst_app_id="target",type="unary"} 1`)
}

// Since 1.17.2 a chunked body is gone after the first attempt: it is retried only after a timeout, and then empty.
func TestAChunkedRequestIsRetriedOnlyAfterATimeoutAndThenEmpty(t *testing.T) {
	const spec = `
kind: Resiliency
metadata: { name: hasty }
spec:
  policies:
    timeouts: { t: 50ms }
    retries: { r: { duration: 10ms, maxRetries: 2 } }
  targets: { apps: { target: { timeout: t, retry: r } } }
`
	bodies := make(chan string, 10)
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- fmt.Sprintf("%s %q", r.URL.Path, body)
		if r.URL.Path == "/hangs" {
			<-r.Context().Done()
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, callee := pair(t, app)
	caller := start(t, sidecar.Config{
		AppID: "caller", Peers: map[string]string{"target": callee.Internal},
		Resources: []sidecar.File{{Name: "hasty.yaml", Data: []byte(spec)}},
	})
	for path, want := range map[string][]string{
		"/fails": {`/fails "x"`},
		"/hangs": {`/hangs "x"`, `/hangs ""`, `/hangs ""`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+caller.HTTP+path, io.NopCloser(strings.NewReader("x")))
		require.NoError(t, err)
		req.Header.Set("dapr-app-id", "target")
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		var got []string
		for range want {
			got = append(got, <-bodies)
		}
		require.Equal(t, want, got)
		require.Empty(t, bodies)
	}
}
