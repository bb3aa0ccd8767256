package sidecar_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

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
    timeouts: { t: 2s }
    retries: { r: { duration: 1s, maxRetries: 2 } }
  targets: { apps: { order-processor: { timeout: t, retry: r } } }
`
	for mode, want := range map[string][]string{
		"status=503": {"Order received: x (hit 1) -> answering 503"},
		"hang": {
			"Order received: x (hit 1) -> hanging", "Order cancelled by caller: x (hit 1): context canceled",
			"Order received:  (hit 2) -> hanging", "Order cancelled by caller:  (hit 2): context canceled",
			"Order received:  (hit 3) -> hanging", "Order cancelled by caller:  (hit 3): context canceled",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, net: newPipeNet(), out: &replayed{}, mode: mode}
			w.turn("app up")
			w.turn("sidecar up")
			ended, end := w.sidecar(sidecar.Config{
				AppID: "checkout", HTTPPort: 3500, Peers: map[string]string{"order-processor": "127.0.0.1:50102"},
				Resources: []sidecar.File{{Name: "hasty.yaml", Data: []byte(spec)}}, Dial: w.net.Dial, Out: io.Discard,
			})
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1:3500/orders", io.NopCloser(strings.NewReader("x")))
			require.NoError(t, err)
			req.Header.Set("dapr-app-id", "order-processor")
			client := http.Client{Transport: &http.Transport{DialContext: w.net.Dial, DisableKeepAlives: true}}
			resp, err := client.Do(req)
			require.NoError(t, err)
			resp.Body.Close()
			end()
			<-ended
			w.turn("sidecar down")
			w.turn("app down")
			synctest.Wait()
			var got []string
			for _, e := range w.out.app {
				got = append(got, e.text)
			}
			require.Equal(t, want, got)
		})
	}
}
