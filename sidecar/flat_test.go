package sidecar_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/sidecar"
)

// forever is a spec whose retries go on against a target that is dead; each path of the living one has a breaker.
const forever = `
kind: Resiliency
metadata: { name: forever }
spec:
  policies:
    retries: { r: { duration: 1s } }
    circuitBreakers: { b: { timeout: 50ms, trip: consecutiveFailures >= 3 } }
  targets: { apps: { target: { retry: r, circuitBreaker: b }, dead: { retry: r } } }
`

// A footprint is what a process holds once its garbage is gone.
type footprint struct {
	heapMB, objects float64
	goroutines      int
	residentMB      float64
}

func foot() footprint {
	runtime.GC()
	debug.FreeOSMemory() // collects once more, which empties pools, and gives back what is free: only what is held stays
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{float64(m.HeapAlloc) / (1 << 20), float64(m.HeapObjects), runtime.NumGoroutine(), residentMB()}
}

// residentMB is 0 where /proc doesn't tell.
func residentMB() (mb float64) {
	text, _ := os.ReadFile("/proc/self/statm")
	var size, pages float64
	if n, _ := fmt.Sscan(string(text), &size, &pages); n == 2 {
		mb = pages * float64(os.Getpagesize()) / (1 << 20)
	}
	return mb
}

// What is done is forgotten: no goroutine, buffer or breaker is kept for a request that has finished. Callers go on
// over ten thousand paths, an app keeps a hundred breakers, and a thousand callers' retries go on against a target
// that is dead. HALFOPEN_SOAK=10m makes it long (make soak-sidecar); by itself it counts requests, not time.
func TestMemoryStaysFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	lasts, _ := time.ParseDuration(os.Getenv("HALFOPEN_SOAK"))
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "taken")
	})
	caller := forgetting(t, app)
	before := runtime.NumGoroutine()
	client := &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}
	defer client.CloseIdleConnections()
	const callers, paths = 1000, 10_000
	stuck := retrying(t, caller, client, callers)
	pour(t, client, caller, paths)
	warm := foot()
	began := time.Now()
	for round := 0; round == 0 || time.Since(began) < lasts; round++ {
		pour(t, client, caller, paths)
		var now footprint
		require.Eventually(t, func() bool { // a thousand retries may just be dialled; what is kept stays, and that passes
			now = foot()
			return now.heapMB <= warm.heapMB*1.1+2 && now.residentMB <= warm.residentMB*1.25+8 &&
				now.objects <= warm.objects+30*callers && now.goroutines <= warm.goroutines+callers
		}, 20*time.Second, 100*time.Millisecond, "after %s it holds more than at first: %+v", time.Since(began), &now)
		if lasts > 0 {
			t.Logf("%4.0f s: heap %.1f MB, %.0f objects, resident %.1f MB, %d goroutines", time.Since(began).Seconds(), now.heapMB, now.objects, now.residentMB, now.goroutines)
		}
	}
	stuck()
	client.CloseIdleConnections()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2*64+2*16 }, 20*time.Second, 10*time.Millisecond,
		"a thousand callers have gone, only kept connections are left")
}

// forgetting starts an app, its sidecar, and a caller's sidecar that knows it and a dead one.
func forgetting(t *testing.T, app http.Handler) (caller *running) {
	_, callee := pair(t, app)
	return start(t, sidecar.Config{
		AppID: "caller", Peers: map[string]string{"target": callee.Internal, "dead": "127.0.0.1:1"}, Log: sidecar.LogOptions{Level: "error"},
		Resources: []sidecar.File{{Name: "forever.yaml", Data: []byte(forever)}},
	})
}

// retrying lets n callers call the dead target until they are told to go.
func retrying(t *testing.T, caller *running, client *http.Transport, n int) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+caller.HTTP+"/orders", strings.NewReader("x"))
			if err != nil {
				panic(err)
			}
			req.Header.Set("dapr-app-id", "dead")
			if resp, err := client.RoundTrip(req); err == nil {
				resp.Body.Close()
				t.Errorf("a call of the dead target was answered: %s", resp.Status)
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// load sends an order to each of so many paths, by 16 callers.
func pour(t *testing.T, client *http.Transport, to *running, paths int) {
	var all sync.WaitGroup
	for c := range 16 {
		all.Go(func() {
			for i := c; i < paths; i += 16 {
				order(t, client, to, fmt.Sprintf("orders/%d", i))
			}
		})
	}
	all.Wait()
}

// order sends one order on a kept connection.
func order(t *testing.T, client *http.Transport, to *running, path string) {
	req, err := http.NewRequest(http.MethodPost, "http://"+to.HTTP+"/"+path, strings.NewReader(`{"orderId":1}`))
	if err != nil {
		panic(err)
	}
	req.Header.Set("dapr-app-id", "target")
	resp, err := client.RoundTrip(req)
	if err != nil {
		t.Errorf("an order was not answered: %v", err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("an order was answered with %s", resp.Status)
	}
}
