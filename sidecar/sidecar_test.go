package sidecar_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halfopen/halfopen/sidecar"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fast is a spec whose retries are quick enough for a test over real sockets.
const fast = `
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: fast }
spec:
  policies:
    retries: { r: { duration: 10ms, maxRetries: 2 } }
    circuitBreakers: { b: { timeout: 1m, trip: consecutiveFailures >= 3 } }
  targets: { apps: { target: { retry: r, circuitBreaker: b }, plain: { timeout: none } } }
`

// A log collects what a sidecar prints.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A running is a sidecar that runs until the test ends.
type running struct {
	sidecar.Addresses
	log   *log
	stop  context.CancelFunc
	ended chan error
}

func config(c sidecar.Config) sidecar.Config {
	c.MetricsAddress = "127.0.0.1"
	c.Dial = (&net.Dialer{}).DialContext
	c.Listen = func(ctx context.Context, addr string) (net.Listener, error) {
		return (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	}
	return c
}

func start(t *testing.T, c sidecar.Config) *running {
	t.Helper()
	r := &running{log: &log{}, ended: make(chan error, 1)}
	ready := make(chan sidecar.Addresses, 1)
	c.Out, c.Ready = r.log, func(a sidecar.Addresses) { ready <- a }
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.ended <- sidecar.Run(ctx, config(c)) }()
	select {
	case r.Addresses = <-ready:
	case err := <-r.ended:
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		select {
		case <-r.ended:
		case <-time.After(10 * time.Second):
			t.Error("the sidecar did not end")
		}
	})
	return r
}

func port(t *testing.T, addr string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	require.NoError(t, err)
	return a.Port
}

// pair starts an app, its sidecar, and a caller's sidecar that knows it as target and as plain.
func pair(t *testing.T, app http.Handler) (caller *running, callee *running) {
	t.Helper()
	return pairUnder(t, app, fast)
}

func pairUnder(t *testing.T, app http.Handler, spec string) (caller *running, callee *running) {
	t.Helper()
	srv := httptest.NewServer(app)
	t.Cleanup(srv.Close)
	callee = start(t, sidecar.Config{AppID: "target", AppPort: port(t, srv.Listener.Addr().String())})
	caller = start(t, sidecar.Config{
		AppID: "caller", MetricsPort: freePort(t),
		Peers:     map[string]string{"target": callee.Internal, "plain": callee.Internal, "bare": callee.Internal},
		Resources: []sidecar.File{{Name: "spec.yaml", Data: []byte(spec)}},
	})
	return caller, callee
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return port(t, l.Addr().String())
}

// call sends a request to a sidecar's API and gives the answer with its body.
func call(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(text)
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestBothFormsOfAddressReachTheApp(t *testing.T) {
	var seen []string
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, fmt.Sprintf("%s %s %s", r.Method, r.URL, body))
		require.Equal(t, traceparent, r.Header.Get("traceparent"))
		require.Equal(t, "7", r.Header.Get("X-Order-Id"))
		require.Equal(t, "caller", r.Header.Get("Dapr-Caller-App-Id"))
		require.Equal(t, "target", r.Header.Get("Dapr-Callee-App-Id"))
		require.NotEmpty(t, r.Header.Get("X-Forwarded-For"))
		w.Header().Set("X-Own", "yes")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "echo "+string(body))
	}))
	for _, url := range []string{"http://" + caller.HTTP + "/v1.0/invoke/target/method/orders/a%2Fb?x=1&y", "http://" + caller.HTTP + "/orders/a%2Fb?x=1&y"} {
		resp, body := call(t, "PUT", url, "hi", "dapr-app-id", "target", "traceparent", traceparent, "X-Order-Id", "7")
		require.Equal(t, http.StatusCreated, resp.StatusCode)
		require.Equal(t, "yes", resp.Header.Get("X-Own"))
		require.Equal(t, "echo hi", body)
	}
	require.Equal(t, []string{"PUT /orders/a%2Fb?x=1&y hi", "PUT /orders/a%2Fb?x=1&y hi"}, seen)
}

func TestTheAppsOwnAnswerPassesThrough(t *testing.T) {
	var n atomic.Int64
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/teapot":
			http.Error(w, "short and stout", http.StatusTeapot)
		}
	}))
	resp, _ := call(t, "GET", "http://"+caller.HTTP+"/redirect", "", "dapr-app-id", "target")
	require.Equal(t, http.StatusFound, resp.StatusCode)
	require.Equal(t, "/elsewhere", resp.Header.Get("Location"))
	require.EqualValues(t, 1, n.Load())
	resp, body := call(t, "GET", "http://"+caller.HTTP+"/teapot", "", "dapr-app-id", "target")
	require.Equal(t, http.StatusTeapot, resp.StatusCode, "the status of the last attempt")
	require.Equal(t, "short and stout\n", body)
	require.EqualValues(t, 1+3, n.Load(), "a 4xx is retried")
	resp, body = call(t, "GET", "http://"+caller.HTTP+"/teapot", "", "dapr-app-id", "target")
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode, "and has opened the breaker")
	require.JSONEq(t, `{"errorCode":"ERR_DIRECT_INVOKE","message":"failed to invoke, id: target, err: circuit breaker is open"}`, body)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	require.Contains(t, caller.log.String(), `msg="Circuit breaker \"target:teapot\" changed state from closed to open"`)
	require.Equal(t, 1, strings.Count(caller.log.String(), `msg="Error processing operation endpoint[target, target:teapot]. Retrying..."`))
}

func TestErrorsOfTheSidecarsThemselves(t *testing.T) {
	caller, callee := pair(t, http.NotFoundHandler())
	for _, c := range []struct {
		name, path, app string
		status          int
		says            string
	}{
		{"no_app_id", "/orders", "", 404, "failed getting app id"},
		{"an_unknown_app", "/orders", "nobody", 500, "failed to invoke, id: nobody, err: failed to invoke target nobody after 3 retries. Error: couldn't find service: nobody"},
		{"a_malformed_invoke", "/v1.0/invoke/target", "", 404, "failed getting app id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var header []string
			if c.app != "" {
				header = []string{"dapr-app-id", c.app}
			}
			resp, body := call(t, "POST", "http://"+caller.HTTP+c.path, "x", header...)
			require.Equal(t, c.status, resp.StatusCode)
			var m map[string]string
			require.NoError(t, json.Unmarshal([]byte(body), &m))
			require.Equal(t, "ERR_DIRECT_INVOKE", m["errorCode"])
			require.Contains(t, m["message"], c.says)
		})
	}
	_ = callee
}

func TestADownAppIsNotAnUnreachableSidecar(t *testing.T) {
	callee := start(t, sidecar.Config{AppID: "target", AppPort: freePort(t)})
	caller := start(t, sidecar.Config{AppID: "caller", MetricsPort: freePort(t), Peers: map[string]string{"target": callee.Internal}})
	resp, body := call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", "target")
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	require.Contains(t, body, "error invoking app channel")
	require.NotContains(t, body, "after 3 retries")
	_, metrics := call(t, "GET", "http://"+caller.Metrics+"/metrics", "")
	require.Contains(t, metrics, `dapr_runtime_service_invocation_req_sent_total{app_id="caller",dst_app_id="target",type="unary"} 1`)
}

func TestTheLimitOfABody(t *testing.T) {
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	const limit = 4 << 20
	resp, body := call(t, "POST", "http://"+caller.HTTP+"/orders", strings.Repeat("x", limit), "dapr-app-id", "plain")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, fmt.Sprint(limit), body)
	resp, _ = call(t, "POST", "http://"+caller.HTTP+"/orders", strings.Repeat("x", limit+1), "dapr-app-id", "plain")
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
}

// A peer that takes the first request of each connection and kills it once it is idle again: a request that finds
// a dead kept connection must fail as an attempt or be sent on a new one, but never be sent twice.
func TestOneAttemptIsAtMostOneHeadOnTheWire(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var heads atomic.Int64
	var peers sync.WaitGroup
	defer peers.Wait()
	defer l.Close()
	peers.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			peers.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for range 2 {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					if heads.Add(1)%2 == 0 {
						return // the kept connection dies under a request
					}
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
		}
	})
	caller := start(t, sidecar.Config{
		AppID: "caller", MetricsPort: freePort(t), Peers: map[string]string{"plain": l.Addr().String()},
		Resources: []sidecar.File{{Name: "fast.yaml", Data: []byte(fast)}},
	})
	const calls = 40
	for i := range calls {
		method := []string{"GET", "POST", "HEAD", "PUT"}[i%4]
		call(t, method, "http://"+caller.HTTP+"/orders", "", "dapr-app-id", "plain", "Idempotency-Key", "k")
	}
	_, metrics := call(t, "GET", "http://"+caller.Metrics+"/metrics", "")
	require.Contains(t, metrics, fmt.Sprintf(`req_sent_total{app_id="caller",dst_app_id="plain",type="unary"} %d`, calls))
	require.EqualValues(t, calls, heads.Load(), "as many heads as attempts")
}

func TestHealthMetadataAndTheProofOfPolicies(t *testing.T) {
	caller, _ := pair(t, http.NotFoundHandler())
	for path, status := range map[string]int{"/v1.0/healthz": 204, "/v1.0/healthz/outbound": 204, "/v1.0/metadata": 200} {
		resp, _ := call(t, "GET", "http://"+caller.HTTP+path, "")
		require.Equal(t, status, resp.StatusCode, path)
	}
	_, metrics := call(t, "GET", "http://"+caller.Metrics+"/metrics", "")
	require.Contains(t, metrics, `dapr_resiliency_loaded{app_id="caller",name="fast",namespace=""} 1`)
}

func TestAResourceThatDoesNotLoadIsALineAndNoProof(t *testing.T) {
	for name, c := range map[string]struct{ spec, says string }{
		"it_does_not_decode": {strings.Replace(fast, "10ms", "soon", 1), "Could not read resiliency policy fast: "},
		"it_does_not_parse":  {"kind: Resiliency\nspec: [1]\n", "Could not parse resiliency file bad.yaml: "},
		"it_is_for_others":   {strings.Replace(fast, "spec:", "scopes: [another]\nspec:", 1), ""},
		"it_is_another_kind": {"kind: Component\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, sidecar.Config{AppID: "caller", MetricsPort: freePort(t), Resources: []sidecar.File{{Name: "bad.yaml", Data: []byte(c.spec)}}})
			_, metrics := call(t, "GET", "http://"+s.Metrics+"/metrics", "")
			require.NotContains(t, metrics, "dapr_resiliency_loaded")
			if c.says != "" {
				require.Contains(t, s.log.String(), "level=error")
			}
			require.Contains(t, s.log.String(), c.says)
		})
	}
}

func TestARequestInFlightIsAnsweredAtTheEnd(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		io.WriteString(w, "late")
	}))
	answer := make(chan string)
	go func() {
		_, body := call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", "plain")
		answer <- body
	}()
	<-arrived
	caller.stop()
	close(release)
	require.Equal(t, "late", <-answer)
	require.NoError(t, <-caller.ended)
	caller.ended <- nil
}

func TestARetryLoopEndsWithAnAnswer(t *testing.T) {
	caller := start(t, sidecar.Config{
		AppID: "caller", Peers: map[string]string{"target": "127.0.0.1:1"},
		Resources: []sidecar.File{{Name: "slow.yaml", Data: []byte(strings.Replace(fast, "10ms, maxRetries: 2", "1h", 1))}},
	})
	answer := make(chan *http.Response)
	go func() {
		resp, _ := call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", "target")
		answer <- resp
	}()
	require.Eventually(t, func() bool { return strings.Contains(caller.log.String(), "Retrying") }, 10*time.Second, time.Millisecond)
	caller.stop()
	require.Equal(t, http.StatusInternalServerError, (<-answer).StatusCode)
	require.NoError(t, <-caller.ended)
	caller.ended <- nil
}

func TestSidecarsFindEachOtherWithoutConfiguration(t *testing.T) {
	directory := &sidecar.FileDirectory{Dir: t.TempDir()}
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "found") }))
	defer app.Close()
	caller := start(t, sidecar.Config{AppID: "caller", Directory: directory})
	_, err := directory.Find("target")
	require.ErrorContains(t, err, "couldn't find service: target")
	for range 2 { // the second one is at another address
		callee := start(t, sidecar.Config{AppID: "target", AppPort: port(t, app.Listener.Addr().String()), Directory: directory})
		_, body := call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", "target")
		require.Equal(t, "found", body)
		callee.stop()
		require.NoError(t, <-callee.ended)
		callee.ended <- nil
	}
}

func TestAPortInUseIsOneClearError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c := config(sidecar.Config{AppID: "a", HTTPPort: port(t, l.Addr().String()), Out: io.Discard})
	err = sidecar.Run(t.Context(), c)
	require.ErrorContains(t, err, "listen for the HTTP API")
	require.ErrorContains(t, err, "address already in use")
}
