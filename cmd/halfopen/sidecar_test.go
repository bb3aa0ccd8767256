package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/harnesstest"
)

// The quickstart's two terminals: each app with a sidecar beside it, found without configuration.
func TestTheQuickstartsTwoTerminals(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	cache := "XDG_CACHE_HOME=" + t.TempDir()
	port := freePortOf(t)
	resources := filepath.Join("scenarios", "stop-order-processor")
	orders := start(t, []string{cache, "APP_HOST=127.0.0.1"}, "sidecar", "run", "--app-id", "order-processor", "--app-port", port, "--resources-path", resources,
		"--app-protocol", "http", "--dapr-http-port", freePortOf(t), "--", harnesstest.Binary(t), "app", "order-processor")
	orders.await(t, "You're up and running!")
	caller := start(t, []string{cache}, "sidecar", "run", "--app-id", "checkout", "--resources-path", resources, "--", harnesstest.Binary(t), "app", "checkout", "--every", "100ms")
	caller.await(t, `== APP == Order passed: {"orderId":1}`)
	orders.await(t, `== APP == Order received: {"orderId":1}`)
	require.NoError(t, orders.Process.Signal(os.Interrupt))
	require.Equal(t, 0, orders.code(t), "%s", orders.all.String())
	caller.await(t, "Error processing operation endpoint[order-processor, order-processor:orders]. Retrying...")
	// Restarted without a spec, as the quickstart does, at other ports.
	orders = start(t, []string{cache, "APP_HOST=127.0.0.1"}, "sidecar", "run", "--app-id", "order-processor", "--app-port", freePortOf(t),
		"--app-protocol", "http", "--", harnesstest.Binary(t), "app", "order-processor")
	orders.await(t, "== APP == Order received:")
	caller.await(t, "Recovered processing operation")
	caller.await(t, "== APP == Order passed:")
	for _, c := range []*child{caller, orders} {
		require.NoError(t, c.Process.Signal(syscall.SIGTERM))
		require.Equal(t, 0, c.code(t), "%s", c.all.String())
	}
	_, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
	require.Error(t, err, "the app has ended with its sidecar")
}

func TestDaprdsFlagsAreTakenAndThoseWithoutEffectNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	port := freePortOf(t)
	c := start(t, nil, "sidecar", "-mode", "standalone", "-app-id=a", "--config", "none.yaml", "-enable-app-health-check", "--dapr-http-port", port, "--dapr-grpc-port", "50001",
		"--dapr-listen-addresses", "127.0.0.1", "--enable-mtls=false", "--enable-api-logging", "--app-max-concurrency", "3", "--log-as-json", "--discovery=false")
	require.Equal(t, "halfopen: no effect in this sidecar: --config, --enable-app-health-check", c.await(t, "no effect"))
	require.Contains(t, c.await(t, "dapr initialized"), `"app_id":"a"`)
	resp, err := http.Post(fmt.Sprintf("http://127.0.0.1:%s/v1.0/shutdown", port), "", nil)
	require.NoError(t, err)
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Equal(t, 0, c.code(t))
	require.Contains(t, c.all.String(), `"method":"POST /v1.0/shutdown","msg":"HTTP API Called"`)
}

func TestASecondSignalEndsASidecarAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	hung, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	require.NoError(t, err)
	defer hung.Close()
	port := freePortOf(t)
	c := start(t, nil, "sidecar", "--app-id", "a", "--dapr-http-port", port, "--peer", "b="+hung.Addr().String(),
		"--discovery=false", "--dapr-graceful-shutdown-seconds", "3600")
	c.await(t, "dapr initialized")
	client, err := net.Dial("tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	defer client.Close()
	fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: a\r\ndapr-app-id: b\r\n\r\n")
	server, err := hung.Accept() // the request is in flight
	require.NoError(t, err)
	defer server.Close()
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	c.await(t, "Dapr is shutting down")
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	require.Equal(t, -1, c.code(t), "ended by the signal")
}
