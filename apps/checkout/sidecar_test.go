package checkout

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A sidecar that answers as it is told and notes what it was sent, over pipes. To be made within a bubble.
type fakeSidecar struct {
	mu      sync.Mutex
	answers []http.HandlerFunc // for the first requests; 200 for all others
	seen    []*http.Request
	bodies  []string
	at      []time.Time
	dialled int

	began time.Time
	conns chan net.Conn
	done  chan struct{}
}

func newSidecar(answers ...http.HandlerFunc) *fakeSidecar {
	return &fakeSidecar{answers: answers, began: time.Now(), conns: make(chan net.Conn), done: make(chan struct{})}
}

// play runs checkout for a while, ends it, sees that it ends at once, and gives what it printed.
func (s *fakeSidecar) play(t *testing.T, c Config, d time.Duration) []string {
	t.Helper()
	srv := &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		srv.Serve(s)
	}()
	var out strings.Builder
	c.Out, c.Dial = &out, s.dial
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	require.NoError(t, Run(ctx, c))
	require.Equal(t, d, time.Since(s.began), "it did not end at once")
	srv.Close()
	<-served
	synctest.Wait() // for handlers that hang, so that what they have seen can be read
	if out.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func (s *fakeSidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen, s.bodies, s.at = append(s.seen, r), append(s.bodies, string(body)), append(s.at, time.Now())
	next := answer(200, `{"orderId":0}`)
	if len(s.answers) > 0 {
		next, s.answers = s.answers[0], s.answers[1:]
	}
	s.mu.Unlock()
	next(w, r)
}

// times are when requests came, since the beginning.
func (s *fakeSidecar) times() []time.Duration {
	var out []time.Duration
	for _, at := range s.at {
		out = append(out, at.Sub(s.began))
	}
	return out
}

func (s *fakeSidecar) header(name string) []string {
	var out []string
	for _, r := range s.seen {
		out = append(out, r.Header.Get(name))
	}
	return out
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func redirect(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}
}

func slow(d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
	}
}

// hangUp closes the connection instead of an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// breakOff closes the connection within an answer.
func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	io.WriteString(w, "half")
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// halting stops within an answer.
func halting(w http.ResponseWriter, r *http.Request) {
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func (s *fakeSidecar) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case s.conns <- far:
		s.mu.Lock()
		s.dialled++
		s.mu.Unlock()
		return near, nil
	case <-s.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *fakeSidecar) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *fakeSidecar) Close() error {
	close(s.done)
	return nil
}

func (s *fakeSidecar) Addr() net.Addr { return &net.TCPAddr{} }
