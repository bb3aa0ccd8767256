package sidecar_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/sidecar"
)

// mirror is an app that answers with what it was asked: method, URI, a header by name, and the body.
func mirror(header string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI+" ["+r.Header.Get(header)+"]")
		w.Write(body)
	})
}

func TestEveryMethodReachesTheAppWithItsBodyAndQuery(t *testing.T) {
	caller, _ := pair(t, mirror("Tracestate"))
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"} {
		t.Run(method, func(t *testing.T) {
			sent := "body"
			if method == "TRACE" || method == "HEAD" {
				sent = ""
			}
			resp, body := call(t, method, "http://"+caller.HTTP+"/a%20b/?q=1&q=%2F", sent, "dapr-app-id", "plain", "tracestate", "k=v")
			require.Equal(t, 200, resp.StatusCode)
			require.Equal(t, method+" /a%20b/?q=1&q=%2F [k=v]", resp.Header.Get("X-Seen"))
			require.Equal(t, sent, body)
		})
	}
}

func TestTokensStayBetweenNeighbours(t *testing.T) {
	app := newApp(t, mirror("dapr-api-token"))
	callee := start(t, sidecar.Config{AppID: "target", AppPort: app, AppToken: "for-the-app"})
	plain := start(t, sidecar.Config{AppID: "plain", AppPort: app})
	caller := start(t, sidecar.Config{AppID: "caller", APIToken: "secret", Peers: map[string]string{"target": callee.Internal, "plain": plain.Internal}})
	for name, c := range map[string]struct {
		path, to, token string
		status          int
		seen, body      string
	}{
		"without_a_token_a_call_is_refused":        {"/orders", "target", "", 401, "", "invalid api token\n"},
		"with_another_token_too":                   {"/orders", "target", "secre", 401, "", "invalid api token\n"},
		"metadata_asks_for_it":                     {"/v1.0/metadata", "", "", 401, "", "invalid api token\n"},
		"health_does_not":                          {"/v1.0/healthz", "", "", 204, "", ""},
		"nor_does_the_health_of_outbound":          {"/v1.0/healthz/outbound", "", "", 204, "", ""},
		"the_app_gets_its_own_token":               {"/orders", "target", "secret", 200, "POST /orders [for-the-app]", "x"},
		"an_app_without_one_does_not_get_the_APIs": {"/orders", "plain", "secret", 200, "POST /orders []", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			header := []string{"dapr-api-token", c.token}
			if c.to != "" {
				header = append(header, "dapr-app-id", c.to)
			}
			resp, body := call(t, "POST", "http://"+caller.HTTP+c.path, "x", header...)
			require.Equal(t, c.status, resp.StatusCode)
			require.Equal(t, c.seen, resp.Header.Get("X-Seen"))
			require.Equal(t, c.body, body)
		})
	}
}

// newApp starts an app and gives its port.
func newApp(t *testing.T, h http.Handler) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	return port(t, l.Addr().String())
}

func TestAnAnswerArrivesAsItComes(t *testing.T) {
	more := make(chan struct{})
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first\n")
		w.(http.Flusher).Flush()
		<-more
		io.WriteString(w, "second\n")
	}))
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+caller.HTTP+"/", nil)
	require.NoError(t, err)
	req.Header.Set("dapr-app-id", "plain")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	line, err := in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "first\n", line, "while the app still writes")
	close(more)
	rest, err := io.ReadAll(in)
	require.NoError(t, err)
	require.Equal(t, "second\n", string(rest))
}

func TestACallerThatHangsUpEndsItsAttempts(t *testing.T) {
	arrived, ended := make(chan struct{}, 8), make(chan struct{}, 8)
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}))
	ctx, hangUp := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://"+caller.HTTP+"/", strings.NewReader("x"))
		req.Header.Set("dapr-app-id", "target")
		_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		failed <- err
	}()
	<-arrived
	hangUp()
	<-ended // the app's request ends with the caller's
	require.ErrorIs(t, <-failed, context.Canceled)
	require.Empty(t, arrived, "and nothing is tried again")
}

// raw sends bytes to an address and gives the status line of the answer, or "" for none.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	io.WriteString(c, request)
	if !strings.Contains(request, "Connection: close") { // a half-closed caller counts as gone, so only where it is unfinished
		c.(*net.TCPConn).CloseWrite()
	}
	line, _ := bufio.NewReader(c).ReadString('\n')
	rest, _ := io.ReadAll(c)
	t.Logf("%s", rest)
	return strings.TrimSpace(line)
}

func TestRubbishOnTheWireIsAnsweredAndNothingEnds(t *testing.T) {
	odd := map[string]string{
		"/042": "HTTP/1.1 042 Odd\r\nContent-Length: 0\r\n\r\n",
		"/101": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"/799": "HTTP/1.1 799 Odd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", // or the next might get the dead connection
		"/cut": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
		"/???": "SSH-2.0-OpenSSH_9.6\r\n",
	}
	caller, callee := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := http.NewResponseController(w).Hijack()
		io.WriteString(c, odd[r.URL.Path])
		if r.URL.Path == "/101" {
			io.Copy(io.Discard, c) // until the sidecar gives the connection up
		}
		c.Close()
	}))
	get := func(path string, header ...string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + strings.Join(header, "\r\n") + "\r\n\r\n"
	}
	for name, c := range map[string]struct{ addr, request, answer string }{
		"a_head_that_is_too_long":             {caller.HTTP, get("/", "dapr-app-id: plain", "X-Long: "+strings.Repeat("x", 9<<10)), "HTTP/1.1 431 Request Header Fields Too Large"},
		"another_protocol_on_the_API":         {caller.HTTP, "SSH-2.0-OpenSSH_9.6\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		"another_protocol_on_the_peers_port":  {callee.Internal, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 500 Internal Server Error"},
		"another_protocol_on_the_metrics":     {caller.Metrics, "\x16\x03\x01\x02\x00\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		"nothing_at_all":                      {caller.HTTP, "", ""},
		"an_app_id_that_is_not_text":          {caller.HTTP, get("/", "dapr-app-id: \xff\xfe"), "HTTP/1.1 500 Internal Server Error"},
		"an_app_id_that_is_an_address":        {caller.HTTP, get("/v1.0/invoke/..%2F..%2Fetc/method/x"), "HTTP/1.1 500 Internal Server Error"},
		"no_app_id":                           {caller.HTTP, get("/orders"), "HTTP/1.1 404 Not Found"},
		"CONNECT":                             {caller.HTTP, "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 Not Found"},
		"an_answer_below_100":                 {caller.HTTP, get("/042", "dapr-app-id: plain"), "HTTP/1.1 500 Internal Server Error"},
		"an_answer_of_101":                    {caller.HTTP, get("/101", "dapr-app-id: plain"), "HTTP/1.1 101 Switching Protocols"},
		"an_answer_beyond_600":                {caller.HTTP, get("/799", "dapr-app-id: plain"), "HTTP/1.1 799 status code 799"},
		"an_answer_that_is_none":              {caller.HTTP, get("/???", "dapr-app-id: plain"), "HTTP/1.1 500 Internal Server Error"},
		"an_answer_that_breaks_off_half_way":  {caller.HTTP, get("/cut", "dapr-app-id: plain"), "HTTP/1.1 200 OK"},
		"a_body_shorter_than_its_own_length":  {caller.HTTP, "POST / HTTP/1.1\r\nHost: a\r\ndapr-app-id: plain\r\nContent-Length: 9\r\n\r\nhalf", "HTTP/1.1 500 Internal Server Error"},
		"chunks_that_are_none":                {caller.HTTP, "POST / HTTP/1.1\r\nHost: a\r\ndapr-app-id: plain\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 500 Internal Server Error"},
		"a_path_that_does_not_decode":         {caller.HTTP, get("/%zz", "dapr-app-id: plain"), "HTTP/1.1 400 Bad Request"},
		"a_path_above_the_root":               {caller.HTTP, get("/../../x", "dapr-app-id: plain"), "HTTP/1.1 500 Internal Server Error"},
		"an_upgrade_that_the_app_never_heard": {callee.Internal, get("/101", "Upgrade: x"), "HTTP/1.1 101 Switching Protocols"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.answer, raw(t, c.addr, c.request))
		})
	}
	t.Cleanup(func() {
		for _, s := range []*running{caller, callee} {
			require.NotContains(t, s.log.String(), "panic")
			require.NotContains(t, s.log.String(), "goroutine ")
		}
	})
}

// One connection of a caller serves one request after the other, and all of them share one to the other sidecar and
// one to the app.
func TestConnectionsAreKept(t *testing.T) {
	atTheApp := map[string]bool{}
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		atTheApp[r.RemoteAddr] = true
		io.WriteString(w, "well")
	}))
	c, err := net.Dial("tcp", caller.HTTP)
	require.NoError(t, err)
	defer c.Close()
	in := bufio.NewReader(c)
	for range 5 {
		io.WriteString(c, "GET /orders HTTP/1.1\r\nHost: a\r\ndapr-app-id: plain\r\n\r\n")
		resp, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "well", string(body))
		require.False(t, resp.Close)
	}
	require.Len(t, atTheApp, 1)
}

func TestAnAnswerToHEADTellsItsLengthAndHasNoBody(t *testing.T) {
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "12345")
		w.Header().Set("ETag", `"7"`)
	}))
	resp, body := call(t, "HEAD", "http://"+caller.HTTP+"/orders", "", "dapr-app-id", "plain")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "12345", resp.Header.Get("Content-Length"))
	require.Equal(t, `"7"`, resp.Header.Get("ETag"))
	require.Empty(t, body)
}

// The header asks for one app and the path for another: the path, being the explicit form, is what is called.
func TestThePathSaysMoreThanTheHeader(t *testing.T) {
	caller, _ := pair(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
	resp, body := call(t, "GET", "http://"+caller.HTTP+"/v1.0/invoke/plain/method/orders", "", "dapr-app-id", "nobody")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "/orders", body)
}

func TestOneAddressInUseIsSaidAndTheOtherServes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.2:0")
	require.NoError(t, err)
	defer taken.Close()
	s := start(t, sidecar.Config{AppID: "a", HTTPPort: port(t, taken.Addr().String()), ListenAddress: "127.0.0.2,127.0.0.1"})
	resp, _ := call(t, "GET", "http://"+s.HTTP+"/v1.0/healthz", "")
	require.Equal(t, 204, resp.StatusCode)
	require.Contains(t, s.log.String(), "address already in use")
}

func TestTheAPIListensOnAllItsAddresses(t *testing.T) {
	at := freePort(t)
	s := start(t, sidecar.Config{AppID: "a", HTTPPort: at, ListenAddress: "127.0.0.1, 127.0.0.2,203.0.113.1", PublicPort: freePort(t)})
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		resp, _ := call(t, "GET", fmt.Sprintf("http://%s:%d/v1.0/healthz", host, at), "")
		require.Equal(t, 204, resp.StatusCode)
	}
	require.Contains(t, s.log.String(), "level=warning", "one address is nobody's, and is said")
	require.True(t, strings.HasPrefix(s.Internal, "127.0.0.1:"))
}
