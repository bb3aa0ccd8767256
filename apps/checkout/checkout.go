// Package checkout is the quickstart's checkout: it sends orders to another app through its own sidecar.
package checkout

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"
)

// A Config is what to send and all that is touched of the world. Empty fields take the quickstart's values.
type Config struct {
	Endpoint string            // of the sidecar: http://localhost:3500
	To       string            // app id: order-processor
	Method   string            // POST
	Path     string            // a text/template with {{.ID}}: orders
	Headers  map[string]string // besides dapr-app-id, traceparent and X-Order-Id
	Body     string            // a text/template with {{.ID}}: {"orderId":{{.ID}}}
	Every    time.Duration     // the pause after each sending: 1 s; none where negative
	Callers  int               // how many send at once: 1
	Timeout  time.Duration     // how long a sending may take; 0 for ever
	Until    string            // accepted (send an order again until it is accepted) | once

	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	Out  io.Writer // where it prints what came of each sending
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

// What the callers of one checkout share.
type checkout struct {
	Config
	path   *template.Template
	body   *template.Template
	client *http.Client
	last   atomic.Int64 // the id given out last
	mu     sync.Mutex   // a line is a line
}

// Run sends orders until ctx ends; a sending on its way is abandoned then. An error means that c can't be used.
func Run(ctx context.Context, c Config) error {
	c = c.withDefaults()
	if c.Until != "accepted" && c.Until != "once" {
		return fmt.Errorf("until %q: want accepted or once", c.Until)
	}
	body, err := template.New("body").Parse(c.Body)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	path, err := template.New("path").Parse(c.Path)
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	transport := &http.Transport{DialContext: c.Dial, MaxIdleConnsPerHost: c.Callers}
	defer transport.CloseIdleConnections()
	s := &checkout{Config: c, path: path, body: body, client: &http.Client{
		Transport: transport,
		// One sending is one request: a redirect is an answer like any other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if _, _, err := s.request(ctx, 1); err != nil {
		return err
	}
	var callers sync.WaitGroup
	for range c.Callers {
		callers.Go(func() { s.call(ctx) })
	}
	callers.Wait()
	return nil
}

// call is one caller: one order after the other, the first at once.
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

// maxToldBytes bounds how much of a refusal is printed.
const maxToldBytes = 1 << 10

// send sends an order once and prints what came of it: "Order passed" only where it was accepted.
func (s *checkout) send(ctx context.Context, id int64) (accepted bool) {
	within, cancel := ctx, context.CancelFunc(func() {})
	if s.Timeout > 0 {
		within, cancel = context.WithTimeout(ctx, s.Timeout)
	}
	defer cancel()
	req, order, err := s.request(within, id)
	if err != nil {
		s.print("Order failed: %s: %v", order, err)
		return false
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			s.print("Order failed: %s: %v", order, err)
		}
		return false
	}
	defer resp.Body.Close()
	told, err := io.ReadAll(io.LimitReader(resp.Body, maxToldBytes))
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body) // an answer that breaks off is none
	}
	switch {
	case ctx.Err() != nil && err != nil:
	case err != nil:
		s.print("Order failed: %s: %s: %v", order, resp.Status, err)
	case resp.StatusCode/100 != 2:
		s.print("Order failed: %s: %s: %s", order, resp.Status, strings.TrimSpace(string(told)))
	default:
		s.print("Order passed: %s", order)
		return true
	}
	return false
}

// oneLine keeps what others wrote from breaking a line.
var oneLine = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// print writes one line.
func (s *checkout) print(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	io.WriteString(s.Out, oneLine.Replace(fmt.Sprintf(format, args...))+"\n")
}
