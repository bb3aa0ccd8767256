package sidecar

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// dying is a connection on which nothing can be written any more once it is told so. Its end is not seen otherwise.
type dying struct {
	net.Conn
	dead *atomic.Bool
}

func (d dying) Write(b []byte) (int, error) {
	if d.dead.Load() {
		return 0, errors.New("broken pipe")
	}
	return d.Conn.Write(b)
}

func TestARequestOfWhichNothingWasWrittenGoesOverAFreshConnection(t *testing.T) {
	var heads atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heads.Add(1)
		io.Copy(w, r.Body)
	}))
	defer srv.Close()
	var dials int
	var dead atomic.Bool
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials++
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if dials == 1 {
			c = dying{c, &dead}
		}
		return c, err
	}}
	defer transport.CloseIdleConnections()
	for n := int64(1); n <= 2; n++ {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, nil)
		require.NoError(t, err)
		req.ContentLength = 5
		resp, err := send(transport, req, func() io.ReadCloser { return io.NopCloser(strings.NewReader("order")) })
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, "order", string(body))
		require.Equal(t, n, heads.Load())
		dead.Store(true)
	}
	require.Equal(t, 2, dials)
}
