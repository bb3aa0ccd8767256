package sidecar

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/halfopen/halfopen/sidecar/policy"
)

var errTooLarge = errors.New("request body too large")

// ownError is the header by which a callee's sidecar tells its own errors from its app's answers.
const ownError = "Halfopen-Error"

// invoke calls another app under the policies in force and hands its answer on.
func (s *sidecar) invoke(w http.ResponseWriter, r *http.Request, app, method string) {
	chunked := r.ContentLength < 0
	body, err := readBody(r, s.MaxBodyBytes)
	if errors.Is(err, errTooLarge) {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil { // the caller is gone, or broke the rules of HTTP
		fail(w, http.StatusInternalServerError, "ERR_DIRECT_INVOKE", fmt.Sprintf("failed to invoke, id: %s, err: %s", app, err))
		return
	}
	target := s.policies.For(app)
	if id, namespaced := strings.CutSuffix(app, ".default"); namespaced {
		target, app = policy.None(app), id
	}
	state, _ := s.engine.State(target, method)
	s.metrics.began(target, state)
	call := &call{sidecar: s, app: app, request: r, method: method, body: body}
	if call.request.Header.Get("traceparent") == "" {
		call.request.Header.Set("traceparent", traceparent())
	}
	status, err := s.engine.Do(r.Context(), target, method, chunked, func(ctx context.Context, n int) (int, error) {
		return call.attempt(ctx, chunked && n > 1)
	})
	defer call.close()
	if err != nil {
		message := err.Error()
		if n, on := target.Builtin(); on && errors.Is(err, policy.ErrUnreachable) {
			message = fmt.Sprintf("failed to invoke target %s after %d retries. Error: %s", app, n, message)
		}
		fail(w, http.StatusInternalServerError, "ERR_DIRECT_INVOKE", fmt.Sprintf("failed to invoke, id: %s, err: %s", app, message))
		return
	}
	call.answer(w, status)
}

// A call is one operation: the request as often as it is sent, and the answer of the last attempt.
type call struct {
	sidecar *sidecar
	app     string
	request *http.Request
	method  string // the path to call, escaped
	body    []byte
	last    *http.Response
}

// attempt sends the request once. It is at most one head on the wire.
func (c *call) attempt(ctx context.Context, empty bool) (int, error) {
	c.close()
	s := c.sidecar
	addr, err := s.peers.find(c.app)
	if err != nil {
		return 0, fmt.Errorf("%w%w", quiet{policy.ErrUnreachable}, err)
	}
	body := c.body
	if empty {
		body = nil
	}
	url := "http://" + addr + "/" + c.method
	if q := c.request.URL.RawQuery; q != "" {
		url += "?" + q
	}
	req, err := http.NewRequestWithContext(ctx, c.request.Method, url, nil)
	if err != nil {
		return 0, err
	}
	req.ContentLength = int64(len(body))
	copyHeader(req.Header, c.request.Header)
	req.Header.Del(tokenHeader)
	req.Header.Set("Dapr-App-Id", c.app)
	req.Header.Set("Dapr-Caller-App-Id", s.AppID)
	req.Header.Set("Dapr-Callee-App-Id", c.app)
	req.Header.Set("Dapr-Caller-Namespace", "")
	forwarded(req.Header, c.request)
	s.metrics.attempt(c.app)
	resp, err := send(s.peers.transport(c.app), req, func() io.ReadCloser { return once(c.request, body) })
	if err != nil {
		s.peers.failed(c.app)
		return 0, transportError(err)
	}
	if own := resp.Header.Get(ownError); own != "" {
		resp.Body.Close()
		return 0, errors.New(own)
	}
	c.last = resp
	return resp.StatusCode, nil
}

// once gives a body that net/http can neither read twice (there is no GetBody) nor take for none, so that it can't
// send a request a second time by itself when a kept connection turns out to be dead. Only where it wouldn't do
// that anyway is an empty body none at all, so that its length is told as 0. That a body lies in memory is plain to
// net/http: it then writes head and body at once.
func once(r *http.Request, body []byte) io.ReadCloser {
	writes := r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch
	keyed := r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Idempotency-Key") != ""
	if len(body) == 0 && writes && !keyed {
		return http.NoBody
	}
	return io.NopCloser(bytes.NewReader(body))
}

// transportError keeps the words that tell what happened, and marks that no sidecar was there to talk to.
func transportError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w%w", quiet{policy.ErrUnreachable}, err)
}

// quiet is an error that can be found, but says nothing.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

// close drops an answer that nobody will get.
func (c *call) close() {
	if c.last != nil {
		if c.last.StatusCode != http.StatusSwitchingProtocols { // what follows has no end
			io.Copy(io.Discard, io.LimitReader(c.last.Body, drainBytes))
		}
		c.last.Body.Close()
		c.last = nil
	}
}

// drainBytes is how much of an unwanted answer is read, so that its connection can be kept.
const drainBytes = 256 << 10

// answer hands the app's own answer on.
func (c *call) answer(w http.ResponseWriter, status int) {
	copyHeader(w.Header(), c.last.Header)
	pass(w, c.last, status)
}

// hopByHop are headers of one connection, not of the call.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

func copyHeader(to, from http.Header) {
	for k, values := range from {
		to[k] = values
	}
	for _, names := range from["Connection"] {
		for name := range strings.SplitSeq(names, ",") {
			to.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		to.Del(name)
	}
}

// forwarded tells the target who asked.
func forwarded(h http.Header, r *http.Request) {
	by, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		by = r.RemoteAddr
	}
	h.Set("X-Forwarded-For", by)
	h.Set("X-Forwarded-Host", r.Host)
	h.Set("Forwarded", "for="+by+";by="+by+";host="+r.Host)
}

// traceparent is a fresh W3C trace context, for a caller that sent none.
func traceparent() string {
	var b [24]byte
	rand.Read(b[:])
	return "00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-01"
}
