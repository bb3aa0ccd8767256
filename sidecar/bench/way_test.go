package bench

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A way leads to the app: each takes the very same request.
type way struct {
	name    string
	url     string
	callers []*http.Transport // each with the one connection that it keeps
}

func newWay(name, addr string) *way {
	w := &way{name: name, url: "http://" + addr + "/orders"}
	for range clients[len(clients)-1] {
		w.callers = append(w.callers, &http.Transport{DisableCompression: true})
	}
	return w
}

// load lets the first n callers call, one call after the other, for a while: how long each call took, and all.
func (w *way) load(n int, lasts time.Duration) (latencies []time.Duration, lasted time.Duration) {
	var mu sync.Mutex
	var all sync.WaitGroup
	began := time.Now()
	for _, c := range w.callers[:n] {
		all.Go(func() {
			var own []time.Duration
			for at := time.Now(); at.Sub(began) < lasts; {
				w.call(c)
				now := time.Now()
				own = append(own, now.Sub(at))
				at = now
			}
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, own...)
		})
	}
	all.Wait()
	return latencies, time.Since(began)
}

// call sends one order as the quickstart's checkout does. An answer other than 200 is no measurement.
func (w *way) call(c *http.Transport) {
	const order = `{"orderId":1}`
	req, err := http.NewRequest(http.MethodPost, w.url, strings.NewReader(order))
	if err != nil {
		panic(err)
	}
	req.Header.Set("dapr-app-id", "order-processor")
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.RoundTrip(req)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", w.name, err))
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || string(body) != order {
		panic(fmt.Sprintf("%s: %s %s %v", w.name, resp.Status, body, err))
	}
}
