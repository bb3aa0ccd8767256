package link_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/scenario"
)

func TestWhatIsForwardedIsSeenByTheTapAsItIs(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer up.Close()
	s := newSeen()
	set, addr := open(t, up.Listener.Addr().String(), s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- link.Forward(ctx, l, addr) }()

	c := dial(t, l.Addr().String())
	send(t, c, 1)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "hi", string(body))
	require.NoError(t, c.Close())
	require.Equal(t, []string{"accept", "request POST /orders order 1", "response 200 order 1", "complete 200 order 1", "close by client"}, s.atLeast(t, 5))

	require.NoError(t, set.Apply(scenario.Fault{Name: "shut", Kind: scenario.Refuse, Link: "a->b"}))
	c = dial(t, l.Addr().String())
	send(t, c, 2)
	_, err = http.ReadResponse(bufio.NewReader(c), nil)
	require.ErrorIs(t, err, syscall.ECONNRESET, "a reset is passed on as one")
	require.Equal(t, []string{"accept", "request POST /orders order 2", "close by tap open 1"}, s.atLeast(t, 8)[5:])
	cancel()
	require.NoError(t, <-ended)
}

// One that asks for HTTP/2 hears what the other says instead, in as many pieces as it comes.
func TestAnAnswerInHTTP1ToHTTP2Passes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	s := newSeen()
	_, addr := open(t, l.Addr().String(), s)
	conn := dial(t, addr)
	_, err = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	require.NoError(t, err)
	up, err := l.Accept()
	require.NoError(t, err)
	defer up.Close()
	for _, piece := range []string{"HTTP/1.1 505 No\r\n", "Content-Length: 0\r\n", "\r\n"} {
		_, err = io.WriteString(up, piece)
		require.NoError(t, err)
		got := make([]byte, len(piece))
		_, err = io.ReadFull(conn, got)
		require.NoError(t, err)
		require.Equal(t, piece, string(got))
	}
}
