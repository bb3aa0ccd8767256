// Package orderprocessor is the quickstart's order-processor: it takes orders and echoes them.
package orderprocessor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Config is all that it touches of the world.
type Config struct {
	Listen func() (net.Listener, error)
	Out    io.Writer // where it prints each order
}

const (
	// maxOrderBytes bounds an order's body.
	maxOrderBytes = 4 << 20
	// endGrace is how long an order that is being answered may take at the end. An order takes far less than a
	// millisecond; without the grace one in a thousand ends would print an order whose answer is lost.
	endGrace = 100 * time.Millisecond
)

// Run answers until ctx ends: POST /orders prints `Order received: {"orderId":1}` and echoes the order.
// An order that is still on its way after 100 ms is abandoned. The error is the listener's.
func Run(ctx context.Context, c Config) error {
	l, err := c.Listen()
	if err != nil {
		return err
	}
	// No timeouts: a caller or a link that hangs is for policies to end, not for the app.
	srv := &http.Server{Handler: handler(c.Out)}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err = <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), endGrace)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		srv.Close()
	}
	if err = <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func handler(out io.Writer) http.Handler {
	var mu sync.Mutex // a line is a line, however many orders come at once
	m := http.NewServeMux()
	take := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrderBytes))
		var line bytes.Buffer
		if err == nil {
			err = json.Compact(&line, body)
		}
		if err != nil {
			http.Error(w, "an order is JSON: "+err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		fmt.Fprintf(out, "Order received: %s\n", line.Bytes())
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	}
	m.HandleFunc("POST /orders", take)
	m.HandleFunc("POST /orders/{id}", take)
	return m
}
