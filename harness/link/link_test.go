package link_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/scenario"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Toxiproxy leaves a link's stubs blocked where a toxic is removed while its connection ends.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
	)
}

const trace = "0af7651916cd43dd8448eb211c80319c"

// seen collects events and waits for them.
type seen struct {
	mu     sync.Mutex
	events []history.Event
	more   chan struct{}
}

func newSeen() *seen { return &seen{more: make(chan struct{}, 1)} }

func (s *seen) record(_ time.Time, e history.Event) {
	s.mu.Lock()
	s.events = append(s.events, e)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// tell says an event in a few words.
func tell(e history.Event) string {
	text := string(e.Kind)
	switch e.Kind {
	case history.KindRequest:
		text += " " + e.Attr("method") + " " + e.Path + " order " + e.ID
	case history.KindResponse, history.KindComplete:
		text += fmt.Sprintf(" %d order %s", e.Status, e.ID)
	case history.KindClose:
		text += " by " + e.Attr("by")
		if open := e.Attr("open"); open != "" {
			text += " open " + open
		}
	}
	return text
}

// atLeast waits until n events are there and tells them in the order of their recording.
func (s *seen) atLeast(t *testing.T, n int) []string {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		var out []string
		for _, e := range s.events {
			out = append(out, tell(e))
		}
		s.mu.Unlock()
		if len(out) >= n {
			return out
		}
		select {
		case <-s.more:
		case <-deadline:
			t.Fatalf("want %d events, got %q", n, out)
		}
	}
}

// open starts one link to upstream and gives its set and address.
func open(t *testing.T, upstream string, s *seen) (*link.Set, string) {
	t.Helper()
	set := link.New(s.record)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	addr, err := set.Open(link.Config{Name: "a->b", Listen: "127.0.0.1:0", Upstream: upstream})
	require.NoError(t, err)
	return set, addr
}

func send(t *testing.T, c net.Conn, order int) {
	t.Helper()
	_, err := fmt.Fprintf(c, "POST /orders HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\ntraceparent: 00-%s-b7ad6b7169203331-01\r\nX-Order-Id: %d\r\n\r\nhi", trace, order)
	require.NoError(t, err)
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c
}

// deadAddr is a loopback address that refuses.
func deadAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestTapSeesEveryExchangeOfAKeepAliveConnection(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	}))
	defer up.Close()
	s := newSeen()
	_, addr := open(t, up.Listener.Addr().String(), s)
	c := dial(t, addr)
	in := bufio.NewReader(c)
	for order := 1; order <= 2; order++ {
		send(t, c, order)
		resp, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "hi", string(body))
		s.atLeast(t, 1+3*order) // an answer may be there before it is told
	}
	c.Close()
	require.Equal(t, []string{
		"accept",
		"request POST /orders order 1", "response 200 order 1", "complete 200 order 1",
		"request POST /orders order 2", "response 200 order 2", "complete 200 order 2",
		"close by client",
	}, s.atLeast(t, 8))
	require.Equal(t, trace, s.events[1].Op)
	require.Equal(t, trace, s.events[2].Op)
}

func TestTapReadsTheHeadThoughTheUpstreamIsDead(t *testing.T) {
	s := newSeen()
	_, addr := open(t, deadAddr(t), s)
	c := dial(t, addr)
	send(t, c, 5)
	_, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.Error(t, err)
	require.Equal(t, []string{"accept", "request POST /orders order 5", "close by upstream open 1"}, s.atLeast(t, 3))
}

func TestRefuseResetsAndStillSeesWhoseAttemptItWas(t *testing.T) {
	up := httptest.NewServer(http.NotFoundHandler())
	defer up.Close()
	s := newSeen()
	set, addr := open(t, up.Listener.Addr().String(), s)
	require.NoError(t, set.Apply(scenario.Fault{Name: "refuse-a", Kind: scenario.Refuse, Link: "a->b"}))
	c := dial(t, addr)
	send(t, c, 7)
	_, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.Error(t, err)
	require.Equal(t, []string{"accept", "request POST /orders order 7", "close by tap open 1"}, s.atLeast(t, 3))
	require.NoError(t, set.Heal("refuse-a"))
	c = dial(t, addr)
	send(t, c, 7)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestCutSwallowsAndHealingEndsWhatWasSwallowed(t *testing.T) {
	up := httptest.NewServer(http.NotFoundHandler())
	defer up.Close()
	s := newSeen()
	set, addr := open(t, up.Listener.Addr().String(), s)
	require.NoError(t, set.Apply(scenario.Fault{Name: "cut-a", Kind: scenario.Cut, Link: "a->b"}))
	c := dial(t, addr)
	send(t, c, 1)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "nothing comes back")
	require.Equal(t, []string{"accept", "request POST /orders order 1"}, s.atLeast(t, 2))
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	require.NoError(t, set.Heal("cut-a"))
	_, err = http.ReadResponse(bufio.NewReader(c), nil)
	require.Error(t, err)
	require.Contains(t, s.atLeast(t, 3)[2], "open 1")
}

func TestLatencyDelaysTheDirectionItIsAskedTo(t *testing.T) {
	up := httptest.NewServer(http.NotFoundHandler())
	defer up.Close()
	s := newSeen()
	set, addr := open(t, up.Listener.Addr().String(), s)
	const delay = 200 * time.Millisecond
	require.NoError(t, set.Apply(scenario.Fault{Name: "slow", Kind: scenario.Latency, Link: "a->b", Delay: delay, Direction: "response"}))
	c := dial(t, addr)
	began := time.Now()
	send(t, c, 1)
	_, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), delay)
}

// A client that has closed its connection gets no answer, however late one still comes to the tap, and is gone from the
// moment of its closing on. One that has only said its last is answered.
func TestAnAnswerAfterItsClientHasLeftIsNone(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(net.Conn) error
		want []string
	}{
		{"closed", net.Conn.Close, []string{"accept", "request POST /orders order 1", "close by client open 1"}},
		{"half_closed", func(c net.Conn) error { return c.(*net.TCPConn).CloseWrite() }, []string{"accept", "request POST /orders order 1", "response 200 order 1", "complete 200 order 1", "close by client"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			answered := make(chan struct{})
			up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.Write([]byte("late"))
				w.(http.Flusher).Flush()
				close(answered)
			}))
			defer up.Close()
			s := newSeen()
			var ended time.Time
			set := link.New(func(at time.Time, e history.Event) {
				if e.Kind == history.KindClose {
					ended = at
				}
				s.record(at, e)
			})
			t.Cleanup(func() { require.NoError(t, set.Close()) })
			addr, err := set.Open(link.Config{Name: "a->b", Listen: "127.0.0.1:0", Upstream: up.Listener.Addr().String()})
			require.NoError(t, err)
			const delay = time.Second
			require.NoError(t, set.Apply(scenario.Fault{Name: "slow", Kind: scenario.Latency, Link: "a->b", Delay: delay, Direction: "response"}))
			client := dial(t, addr)
			send(t, client, 1)
			<-answered // and what it answered is on its slow way
			require.NoError(t, c.end(client))
			late := time.Now()
			require.Equal(t, c.want, s.atLeast(t, len(c.want)))
			require.Equal(t, c.name == "closed", ended.Before(late.Add(delay/2)))
		})
	}
}

func TestBytesThatAreNoHTTPPassUnseen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.Copy(c, c)
	}()
	s := newSeen()
	_, addr := open(t, l.Addr().String(), s)
	c := dial(t, addr)
	want := strings.Repeat("\x00\x01 not http \r\n\r\n", 10_000)
	go io.WriteString(c, want)
	got := make([]byte, len(want))
	_, err = io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

func TestProblemsOfUseAreErrors(t *testing.T) {
	set, _ := open(t, "127.0.0.1:1", newSeen())
	require.ErrorContains(t, set.Apply(scenario.Fault{Name: "x", Kind: scenario.Cut, Link: "no->where"}), "there are: a->b")
	require.ErrorContains(t, set.Apply(scenario.Fault{Name: "x", Kind: scenario.Stop, Link: "a->b"}), "can't do stop")
	require.ErrorContains(t, set.Heal("x"), "not on")
	require.NoError(t, set.Apply(scenario.Fault{Name: "x", Kind: scenario.Cut, Link: "a->b"}))
	require.ErrorContains(t, set.Apply(scenario.Fault{Name: "x", Kind: scenario.Cut, Link: "a->b"}), "on already")
	_, err := set.Open(link.Config{Name: "a->b", Listen: "127.0.0.1:0"})
	require.ErrorContains(t, err, "open already")
}
