package bench

import (
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// The test binary is a forwarder where these are set.
const (
	forwardAt = "HALFOPEN_BENCH_FORWARD_AT"
	forwardTo = "HALFOPEN_BENCH_FORWARD_TO"
)

// forward is the bare forwarder: net/http's own proxy, with enough idle connections and pooled buffers, and
// nothing else.
func forward(at, to string) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		log.Fatal(err)
	}
	upstream := &url.URL{Scheme: "http", Host: to}
	proxy := &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		Transport:  &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		BufferPool: &buffers{},
	}
	log.Fatal(http.Serve(l, proxy))
}

// Buffers are those that bodies are copied through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
