package link

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/theory/jsonpath"
)

// orderHeader carries an order's id, where its sender can set a header.
const orderHeader = "X-Order-Id"

// Bounds on what is read of a request only to know its order.
const (
	maxOrderBytes = 1 << 20
	// bodyGrace is how long a request is kept untold for the sake of its body. A body comes right behind its head;
	// one that doesn't may wait for an answer first, as with `Expect: 100-continue`.
	bodyGrace = 250 * time.Millisecond
)

// parsePaths reads JSON paths (RFC 9535).
func parsePaths(texts []string) ([]*jsonpath.Path, error) {
	var out []*jsonpath.Path
	for _, text := range texts {
		p, err := jsonpath.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("id %q: %w", text, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// readOrder reads a request's body to its end and finds its order's id in it: at the first path that has one.
// "" where there is none, or the body is no JSON.
func readOrder(req *http.Request, paths []*jsonpath.Path) (id string, err error) {
	var kept bytes.Buffer
	if _, err := io.Copy(&kept, io.LimitReader(req.Body, maxOrderBytes)); err != nil {
		return "", err
	}
	if n, err := io.Copy(io.Discard, req.Body); n > 0 || err != nil {
		return "", err
	}
	return findOrder(kept.Bytes(), paths), nil
}

func findOrder(body []byte, paths []*jsonpath.Path) string {
	if len(paths) == 0 || len(body) == 0 {
		return ""
	}
	in := json.NewDecoder(bytes.NewReader(body))
	in.UseNumber() // an id may be longer than a float is precise
	var v any
	if in.Decode(&v) != nil {
		return ""
	}
	for _, p := range paths {
		for _, found := range p.Select(v) {
			switch found := found.(type) {
			case string:
				return found
			case json.Number:
				return found.String()
			}
		}
	}
	return ""
}
