package checkout

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// request makes one sending of an order, and gives the order as it is sent.
func (s *checkout) request(ctx context.Context, id int64) (req *http.Request, order string, err error) {
	var b strings.Builder
	if err := s.body.Execute(&b, struct{ ID int64 }{id}); err != nil {
		return nil, strconv.FormatInt(id, 10), fmt.Errorf("body: %w", err)
	}
	order = b.String()
	var path strings.Builder
	if err := s.path.Execute(&path, struct{ ID int64 }{id}); err != nil {
		return nil, order, fmt.Errorf("path: %w", err)
	}
	url := strings.TrimSuffix(s.Endpoint, "/") + "/" + strings.TrimPrefix(path.String(), "/")
	req, err = http.NewRequestWithContext(ctx, s.Method, url, strings.NewReader(order))
	if err != nil {
		return nil, order, err
	}
	once(req)
	req.Header.Set("Content-Type", "application/json")
	for k, v := range s.Headers {
		if strings.EqualFold(k, "Host") {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	req.Header.Set("dapr-app-id", s.To)
	req.Header.Set("X-Order-Id", strconv.FormatInt(id, 10))
	req.Header.Set("traceparent", traceparent())
	return req, order, nil
}

// once keeps net/http from sending a request again by itself when a kept connection turns out dead: one sending
// is one request on the wire. It would replay a body that it can get again, and some requests without a body.
func once(req *http.Request) {
	req.GetBody = nil
	req.Close = req.Body == http.NoBody // a connection of its own can't have died while it was kept
}

// traceparent is a fresh W3C trace context: each sending is an operation of its own.
func traceparent() string {
	var b [24]byte
	rand.Read(b[:])
	return "00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-01"
}
