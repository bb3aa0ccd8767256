// Package checkout is the quickstart's checkout: it sends orders to another app through its own sidecar.
package checkout

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"
)

// A Config is what to send and all that is touched of the world. Empty fields take the quickstart's values.
type Config struct {
	Endpoint string // of the sidecar: http://localhost:3500
	To       string // app id: order-processor
	Method   string // POST
	Path     string // orders
	Headers  map[string]string
	Body     string        // a text/template with {{.ID}}: {"orderId":{{.ID}}}
	Every    time.Duration // the pause after each sending: 1 s
	Callers  int           // how many send at once: 1
	Timeout  time.Duration // how long a sending may take; 0 for ever
	Until    string        // accepted (send an order again until it is accepted) | once

	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	Out  io.Writer
}

// withDefaults fills in the quickstart's values.
func (c Config) withDefaults() Config {
	set := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	set(&c.Endpoint, "http://localhost:3500")
	set(&c.To, "order-processor")
	set(&c.Method, http.MethodPost)
	set(&c.Path, "orders")
	set(&c.Body, `{"orderId":{{.ID}}}`)
	set(&c.Until, "accepted")
	if c.Every == 0 {
		c.Every = time.Second
	}
	c.Callers = max(c.Callers, 1)
	return c
}

// A caller's view of all callers of one checkout.
type checkout struct {
	Config
	body   *template.Template
	client *http.Client
	last   atomic.Int64 // the id given out last, over all callers
	mu     sync.Mutex   // a line is a line
}

// Run sends orders until ctx ends.
func Run(ctx context.Context, c Config) error {
	c = c.withDefaults()
	if c.Until != "accepted" && c.Until != "once" {
		return fmt.Errorf("until %q: want accepted or once", c.Until)
	}
	body, err := template.New("body").Parse(c.Body)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	transport := &http.Transport{DialContext: c.Dial, MaxIdleConnsPerHost: c.Callers}
	defer transport.CloseIdleConnections()
	s := &checkout{Config: c, body: body, client: &http.Client{Transport: transport, Timeout: c.Timeout}}
	var callers sync.WaitGroup
	for range c.Callers {
		callers.Go(func() { s.call(ctx) })
	}
	callers.Wait()
	return nil
}

// call is one caller: one order after the other.
func (s *checkout) call(ctx context.Context) {
	for ctx.Err() == nil {
		id := s.last.Add(1)
		for {
			accepted := s.send(ctx, id)
			select {
			case <-ctx.Done():
				return
			case <-time.After(s.Every):
			}
			if accepted || s.Until == "once" {
				break
			}
		}
	}
}

// send sends an order once and prints what came of it: "Order passed" only where it was accepted.
func (s *checkout) send(ctx context.Context, id int64) (accepted bool) {
	var order strings.Builder
	if err := s.body.Execute(&order, struct{ ID int64 }{id}); err != nil {
		s.print("Order failed: %d: body: %v", id, err)
		return false
	}
	url := strings.TrimSuffix(s.Endpoint, "/") + "/" + strings.TrimPrefix(s.Path, "/")
	req, err := http.NewRequestWithContext(ctx, s.Method, url, strings.NewReader(order.String()))
	if err != nil {
		s.print("Order failed: %s: %v", order.String(), err)
		return false
	}
	req.GetBody = nil // one sending is one request on the wire: net/http must not replay it by itself
	req.Header.Set("Content-Type", "application/json")
	for k, v := range s.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Set("dapr-app-id", s.To)
	req.Header.Set("X-Order-Id", strconv.FormatInt(id, 10))
	req.Header.Set("traceparent", traceparent())
	resp, err := s.client.Do(req)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			s.print("Order failed: %s: %v", order.String(), err)
		}
		return false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		s.print("Order failed: %s: %s: %v", order.String(), resp.Status, err)
	case resp.StatusCode/100 != 2:
		s.print("Order failed: %s: %s: %s", order.String(), resp.Status, strings.TrimSpace(string(answer)))
	default:
		s.print("Order passed: %s", order.String())
		return true
	}
	return false
}

func (s *checkout) print(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.Out, format+"\n", args...)
}

// traceparent is a fresh W3C trace context: each sending is an operation of its own.
func traceparent() string {
	var b [24]byte
	rand.Read(b[:])
	return "00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-01"
}
