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

// maxOrderBytes bounds an order's body.
const maxOrderBytes = 4 << 20

// Run answers until ctx ends: POST /orders prints `Order received: {"orderId":1}` and echoes the order.
func Run(ctx context.Context, c Config) error {
	l, err := c.Listen()
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{Handler: handler(c.Out), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func handler(out io.Writer) http.Handler {
	var mu sync.Mutex // a line is a line, however many orders come at once
	m := http.NewServeMux()
	m.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
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
	})
	return m
}
