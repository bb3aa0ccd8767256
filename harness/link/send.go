package link

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// A Request is one order that the harness itself sends into a link.
type Request struct {
	Link    string
	App     string // dapr-app-id
	Method  string
	Path    string
	Headers map[string]string
	Body    string
	ID      string // X-Order-Id
}

// Send puts one request into a link, as a client of its tap, and waits for its answer or the end of ctx.
// What came back is the tap's to tell: only a request that could not be made is an error.
func (s *Set) Send(ctx context.Context, r Request) error {
	s.mu.Lock()
	h := s.links[r.Link]
	s.mu.Unlock()
	if h == nil {
		return fmt.Errorf("send %s: no link %s", r.ID, r.Link)
	}
	url := "http://" + h.addr + "/" + strings.TrimPrefix(r.Path, "/")
	req, err := http.NewRequestWithContext(ctx, r.Method, url, strings.NewReader(r.Body))
	if err != nil {
		return fmt.Errorf("send %s: %w", r.ID, err)
	}
	req.GetBody = nil // one request is one head on the wire
	req.Header.Set("Content-Type", "application/json")
	for k, v := range r.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Set("dapr-app-id", r.App)
	req.Header.Set(orderHeader, r.ID)
	req.Header.Set("traceparent", traceparent())
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: s.dialer()}}
	resp, err := client.Do(req)
	if err != nil {
		return nil // refused, reset, cut, given up: the tap saw it
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return nil
}

// dialer is how the harness itself connects.
func (s *Set) dialer() func(ctx context.Context, network, addr string) (net.Conn, error) {
	if s.net != nil {
		return s.net.Dial
	}
	return (&net.Dialer{Timeout: dialTimeout}).DialContext
}

// traceparent is a fresh W3C trace context.
func traceparent() string {
	var id [24]byte
	rand.Read(id[:])
	return "00-" + hex.EncodeToString(id[:16]) + "-" + hex.EncodeToString(id[16:]) + "-01"
}

// Probe asks one address directly, never through a link: `tcp://host:port` only connects and gives status 0;
// an http URL is got and gives status and body (at most 4 MiB).
func (s *Set) Probe(ctx context.Context, url string) (status int, body []byte, err error) {
	if addr, ok := strings.CutPrefix(url, "tcp://"); ok {
		ctx, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		c, err := s.dialer()(ctx, "tcp", addr)
		if err != nil {
			return 0, nil, err
		}
		return 0, nil, c.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: s.dialer()}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return resp.StatusCode, body, err
}

// probeTimeout bounds one probe; whoever waits for readiness asks again.
const probeTimeout = 2 * time.Second
