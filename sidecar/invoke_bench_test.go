package sidecar_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A call through two sidecars in one process, for profiles and allocations: what a call costs beside a bare
// forwarder is for make bench.
func BenchmarkInvoke(b *testing.B) {
	caller := echoing(b)
	client := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	defer client.CloseIdleConnections()
	b.SetParallelism(8)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			order(b, client, caller, "orders")
		}
	})
}

// echoing starts an app that echoes, its sidecar, and a caller's sidecar under policies.
func echoing(t testing.TB) (caller *running) {
	caller, _ = pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}))
	return caller
}

// order sends one order on a kept connection.
func order(t testing.TB, client *http.Transport, to *running, path string) {
	req, err := http.NewRequest(http.MethodPost, "http://"+to.HTTP+"/"+path, strings.NewReader(`{"orderId":1}`))
	require.NoError(t, err)
	req.Header.Set("dapr-app-id", "target")
	resp, err := client.RoundTrip(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
}
