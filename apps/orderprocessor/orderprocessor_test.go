package orderprocessor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnOrderIsPrintedAndEchoed(t *testing.T) {
	for name, c := range map[string]struct{ body, line string }{
		"the_quickstarts":     {`{"orderId":1}`, `Order received: {"orderId":1}`},
		"printed_on_one_line": {"{\n  \"orderId\": 7\n}\n", `Order received: {"orderId":7}`},
		"any_json":            {`["a", null, 1.50]`, `Order received: ["a",null,1.50]`},
		"a_bare_number":       {`12`, `Order received: 12`},
		"as_long_as_an_order_may_be": {`"` + strings.Repeat("x", maxOrderBytes-2) + `"`,
			`Order received: "` + strings.Repeat("x", maxOrderBytes-2) + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			app := start(t)
			resp, body := app.ask(t, "POST", "/orders", c.body)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
			require.Equal(t, c.body, body, "the echo")
			require.Equal(t, c.line+"\n", app.printed.String())
		})
	}
}

func TestWhatIsNoOrderIsRefusedAndNotPrinted(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, body string
		status             int
	}{
		"nothing":        {"POST", "/orders", "", 400},
		"no_json":        {"POST", "/orders", "orderId=1", 400},
		"half_an_order":  {"POST", "/orders", `{"orderId":`, 400},
		"two_orders":     {"POST", "/orders", `{"orderId":1}{"orderId":2}`, 400},
		"too_long":       {"POST", "/orders", `"` + strings.Repeat("x", maxOrderBytes) + `"`, 400},
		"another_path":   {"POST", "/order", `{"orderId":1}`, 404},
		"another_method": {"GET", "/orders", "", 405},
	} {
		t.Run(name, func(t *testing.T) {
			app := start(t)
			resp, _ := app.ask(t, c.method, c.path, c.body)
			require.Equal(t, c.status, resp.StatusCode)
			require.Empty(t, app.printed.String())
		})
	}
}

func TestOrdersAtOnceHaveALineEach(t *testing.T) {
	app := start(t)
	var all sync.WaitGroup
	errs := make(chan error, 50)
	for range cap(errs) {
		all.Go(func() {
			_, _, err := app.try("POST", "/orders", `{"orderId":1}`)
			errs <- err
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, strings.Repeat("Order received: {\"orderId\":1}\n", 50), app.printed.String())
}

func TestTheEnd(t *testing.T) {
	const head = "POST /orders HTTP/1.1\r\nHost: app\r\nContent-Length: 13\r\n\r\n"
	for name, c := range map[string]struct {
		sent string // on a connection that is open when the end comes
		rest string // and this 20 ms later
		took time.Duration
		gets string
	}{
		"an_idle_app_ends_at_once":                 {"", "", 0, ""},
		"a_silent_connection_is_dropped":           {"-", "", endGrace, ""},
		"an_order_in_flight_is_answered":           {head, `{"orderId":1}`, endGrace, "HTTP/1.1 200 OK\r\n"},
		"an_order_that_does_not_come_is_abandoned": {head, "", endGrace, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := start(t)
				var answer chan string
				if c.sent != "" {
					conn, err := app.Dial()
					require.NoError(t, err)
					defer conn.Close()
					answer = make(chan string, 1)
					go func() {
						line, _ := bufio.NewReader(conn).ReadString('\n')
						answer <- line
					}()
					io.WriteString(conn, strings.TrimPrefix(c.sent, "-"))
					if c.rest != "" {
						time.AfterFunc(20*time.Millisecond, func() { io.WriteString(conn, c.rest) })
					}
				}
				synctest.Wait()
				began := time.Now()
				require.NoError(t, app.end())
				require.LessOrEqual(t, time.Since(began), c.took)
				if answer != nil {
					require.Equal(t, c.gets, <-answer)
				}
				_, err := app.Dial()
				require.Error(t, err, "it still listens")
			})
		})
	}
}

// Whatever hangs is for the policies to end: an app with timeouts of its own would break a black hole's link.
func TestASilentCallerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := start(t)
		conn, err := app.Dial()
		require.NoError(t, err)
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for _, part := range []string{"POST /orders HTTP/1.1\r\n", "Host: app\r\nContent-Length: 1\r\n\r\n", "1"} {
			time.Sleep(time.Hour)
			io.WriteString(conn, part)
		}
		resp, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.NoError(t, app.end())
	})
}

func TestAListenerThatFailsEndsIt(t *testing.T) {
	taken := errors.New("listen tcp :6001: bind: address already in use")
	err := Run(t.Context(), Config{Listen: func() (net.Listener, error) { return nil, taken }, Out: io.Discard})
	require.ErrorIs(t, err, taken)

	l := newPipes()
	l.Close()
	err = Run(t.Context(), Config{Listen: func() (net.Listener, error) { return l, nil }, Out: io.Discard})
	require.ErrorIs(t, err, net.ErrClosed)
}

// A running app, over pipes.
type running struct {
	*pipes
	printed *strings.Builder
	end     func() error
}

func start(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{pipes: newPipes(), printed: &strings.Builder{}}
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{Listen: func() (net.Listener, error) { return r.pipes, nil }, Out: r.printed})
	}()
	r.end = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { r.end() })
	return r
}

// ask sends one request on a connection of its own.
func (r *running) ask(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	resp, answer, err := r.try(method, path, body)
	require.NoError(t, err)
	return resp, answer
}

func (r *running) try(method, path, body string) (*http.Response, string, error) {
	req, err := http.NewRequest(method, "http://app"+path, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	resp, err := (&http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return r.Dial() },
		DisableKeepAlives: true,
	}).RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp, string(answer), err
}

// pipes are a listener without a network.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }
