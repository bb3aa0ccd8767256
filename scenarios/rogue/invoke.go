package rogue

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"
)

// quiet swallows what net/http has to say.
var quiet = log.New(io.Discard, "", 0)

// ownError is the header by which a callee's sidecar tells its own errors from its app's answers.
const ownError = "Halfopen-Error"

// api is Dapr's HTTP API, as far as service invocation needs it.
func (s *sidecar) api(w http.ResponseWriter, r *http.Request) {
	switch p := r.URL.EscapedPath(); {
	case strings.HasPrefix(p, "/v1.0/healthz"):
		w.WriteHeader(http.StatusNoContent)
	case strings.HasPrefix(p, "/v1.0/invoke/"):
		app, method, _ := strings.Cut(strings.TrimPrefix(p, "/v1.0/invoke/"), "/method/")
		s.invoke(w, r, app, method)
	case r.Header.Get("dapr-app-id") != "":
		s.invoke(w, r, r.Header.Get("dapr-app-id"), strings.TrimPrefix(p, "/"))
	default:
		s.fail(w, http.StatusNotFound, "no app id")
	}
}

func (s *sidecar) fail(w http.ResponseWriter, status int, message string) {
	if s.Knob == WrongOwnStatus {
		status = http.StatusBadGateway
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"errorCode": "ERR_DIRECT_INVOKE", "message": message})
}

// invoke calls another app and hands its answer on.
func (s *sidecar) invoke(w http.ResponseWriter, r *http.Request, app, method string) {
	call := s.calls.Add(1)
	chunked := r.ContentLength < 0
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if s.Knob == AnswersForApp && call == 3 {
		w.WriteHeader(http.StatusOK)
		return
	}
	if r.Header.Get("traceparent") == "" {
		r.Header.Set("traceparent", traceparent())
	}
	if s.Knob == Strays && call == 3 {
		stray := r.Clone(r.Context())
		stray.Header.Set("traceparent", traceparent())
		if resp, err := s.send(r.Context(), stray, app, method, body); err == nil {
			resp.Body.Close()
		}
	}
	t := s.engine.spec.forApp(app, s.Knob)
	if id, namespaced := strings.CutSuffix(app, ".default"); namespaced {
		t, app = target{app: app}, id
	}
	var last *http.Response
	drop := func() {
		if last != nil {
			io.Copy(io.Discard, last.Body)
			last.Body.Close()
			last = nil
		}
	}
	defer func() { drop() }()
	ctx := r.Context()
	if s.Knob == RetriesForNobody {
		ctx = context.WithoutCancel(ctx)
	}
	end := s.engine.do(ctx, t, method, chunked, func(ctx context.Context, n int) result {
		drop()
		sent := body
		if chunked && n > 1 {
			sent = nil
		}
		resp, err := s.send(ctx, r, app, method, sent) //nolint:bodyclose // drop closes each, and the last one behind its answer
		if err != nil {
			return result{err: err}
		}
		last = resp
		return result{status: resp.StatusCode}
	})
	s.answer(w, app, end, last)
}

// answer tells the caller what came of it.
func (s *sidecar) answer(w http.ResponseWriter, app string, end result, last *http.Response) {
	switch {
	case !end.ok() && s.Knob == DropsAnswer:
		panic(http.ErrAbortHandler)
	case end.err != nil:
		s.fail(w, http.StatusInternalServerError, fmt.Sprintf("failed to invoke, id: %s, err: %v", app, end.err))
		return
	case !end.ok() && s.Knob == SwallowsStatus:
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	copyHeader(w.Header(), last.Header)
	w.WriteHeader(end.status)
	if _, err := io.Copy(w, last.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// send is one request on the wire to the sidecar of another app.
func (s *sidecar) send(ctx context.Context, r *http.Request, app, method string, body []byte) (*http.Response, error) {
	addr, known := s.peers[app]
	if !known {
		return nil, fmt.Errorf("%w: no sidecar of %s is known", errUnreachable, app)
	}
	s.engine.figures.sent(app)
	if wait := s.backoff(app); wait != nil {
		return nil, fmt.Errorf("%w: %w", errUnreachable, wait)
	}
	url := "http://" + addr + "/" + method
	if q := r.URL.RawQuery; q != "" {
		url += "?" + q
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, url, nil)
	if err != nil {
		return nil, err
	}
	// net/http can't send again by itself what it can't read again.
	req.Body, req.ContentLength = io.NopCloser(struct{ io.Reader }{bytes.NewReader(body)}), int64(len(body))
	copyHeader(req.Header, r.Header)
	req.Header.Set("Dapr-App-Id", app)
	req.Header.Set("Dapr-Caller-App-Id", s.appID)
	req.Header.Set("Dapr-Callee-App-Id", app)
	if s.Knob == FreshTraces {
		req.Header.Set("traceparent", traceparent())
	}
	t := s.transport(app)
	resp, err := t.RoundTrip(req)
	s.dialled(app, err)
	if err != nil {
		t.CloseIdleConnections()
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	if own := resp.Header.Get(ownError); own != "" {
		resp.Body.Close()
		return nil, errors.New(own)
	}
	return resp, nil
}

func (s *sidecar) transport(app string) *http.Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.transports[app]
	if t == nil {
		t = &http.Transport{DialContext: s.Dial, MaxIdleConnsPerHost: 64, DisableCompression: true}
		s.transports[app] = t
	}
	return t
}

// A backoff is gRPC's way of dialling again: an attempt in between fails without touching the network.
type backoff struct {
	until time.Time
	pause time.Duration
}

func (s *sidecar) backoff(app string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.dials[app]; s.Knob == DialsWithPauses && b != nil && time.Now().Before(b.until) {
		return errors.New("connection error: last dial failed")
	}
	return nil
}

func (s *sidecar) dialled(app string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.dials, app)
		return
	}
	b := s.dials[app]
	if b == nil {
		b = &backoff{pause: time.Second}
		s.dials[app] = b
	}
	b.pause = b.pause * 8 / 5
	b.until = time.Now().Add(b.pause)
}

// held is an order that another may overtake.
type held struct {
	once  sync.Once
	other chan struct{} // closed when another was delivered
}

// deliver takes calls of other sidecars to the app beside this one.
func (s *sidecar) deliver(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	n := s.served.Add(1)
	if s.Knob == EndsItself && n == 8 { // when nobody waits for it
		time.AfterFunc(300*time.Millisecond, func() { s.end(errors.New("panic: a nil pointer")) })
	}
	ctx := r.Context()
	switch {
	case s.Knob == LosesOrder && n == 3:
		w.WriteHeader(http.StatusOK)
		return
	case s.Knob == FailsAtTimes && n == 3:
		s.own(w, errors.New("the app channel is busy"))
		return
	case s.Knob == WakesLate && s.again(n, r) && time.Since(s.began) < wakes:
		s.own(w, errors.New("the app channel is not initialized"))
		return
	case s.Knob == ReordersOrder && n == 3:
		// Its caller gives up and goes on to the next order; then it is delivered after all.
		h := &held{other: make(chan struct{})}
		s.mu.Lock()
		s.held = h
		s.mu.Unlock()
		<-h.other
		ctx = context.WithoutCancel(ctx)
	}
	resp, err := s.toApp(ctx, r, body)
	if err == nil && s.Knob == DoublesOrder && n == 3 {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		resp, err = s.toApp(ctx, r, body)
	}
	if err != nil {
		s.apps.CloseIdleConnections()
		s.own(w, fmt.Errorf("error invoking app channel: %w", err))
		return
	}
	defer resp.Body.Close()
	copyHeader(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	h := s.held
	s.mu.Unlock()
	if h != nil && n > 3 {
		h.once.Do(func() { close(h.other) })
	}
}

// wakes is how long after its start a rogue goes on being of no use.
const wakes = 10 * time.Second

// again tells whether the sidecar was started again: then the first order that it gets is not the caller's first.
func (s *sidecar) again(n int64, r *http.Request) bool {
	if n == 1 {
		s.restarted.Store(r.Header.Get("X-Order-Id") != "1")
	}
	return s.restarted.Load()
}

func (s *sidecar) toApp(ctx context.Context, r *http.Request, body []byte) (*http.Response, error) {
	if s.app == "" {
		return nil, errors.New("app channel is not initialized")
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://"+s.app+r.URL.RequestURI(), nil)
	if err != nil {
		return nil, err
	}
	req.Body, req.ContentLength = io.NopCloser(struct{ io.Reader }{bytes.NewReader(body)}), int64(len(body))
	copyHeader(req.Header, r.Header)
	return s.apps.RoundTrip(req)
}

// own answers with an error that is this sidecar's, not its app's.
func (s *sidecar) own(w http.ResponseWriter, err error) {
	w.Header().Set(ownError, strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, err.Error()))
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

func copyHeader(to, from http.Header) {
	for k, values := range from {
		to[k] = values
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", ownError} {
		to.Del(name)
	}
}

// traceparent is a fresh W3C trace context.
func traceparent() string {
	var b [24]byte
	rand.Read(b[:])
	return "00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-01"
}
