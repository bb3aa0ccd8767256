package link

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/halfopen/halfopen/harness/history"
)

// asked is what a client sends to call a service on a stream, with one more header.
func asked(t *testing.T, out *bytes.Buffer, to *hpack.Encoder, heads *bytes.Buffer, stream uint32, header string) {
	t.Helper()
	heads.Reset()
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: servicePath + "Stream"}, {Name: header, Value: "x"},
	} {
		require.NoError(t, to.WriteField(f))
	}
	text, err := os.ReadFile("testdata/daprd-messages.txt")
	require.NoError(t, err)
	_, code, _ := strings.Cut(string(text), "request_stream ")
	code, _, _ = strings.Cut(code, "\n")
	m, err := hex.DecodeString(code)
	require.NoError(t, err)
	f := http2.NewFramer(out, nil)
	require.NoError(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: heads.Bytes()[:5]}))
	require.NoError(t, f.WriteContinuation(stream, true, heads.Bytes()[5:]))
	require.NoError(t, f.WriteDataPadded(stream, false, append([]byte{0, 0, 0, 0, byte(len(m))}, m[:9]...), make([]byte, 200)))
	require.NoError(t, f.WriteDataPadded(stream, true, m[9:], nil))
}

// A stream with a header that is none is not understood; those behind it are, though they share its table of headers.
func TestOneBadStreamBlindsNobody(t *testing.T) {
	var got []history.Event
	m := newMultiplex(&conn{tap: &tap{record: func(_ time.Time, e history.Event) { got = append(got, e) }}})
	var sent, heads bytes.Buffer
	to := hpack.NewEncoder(&heads)
	asked(t, &sent, to, &heads, 1, "Bad Header")
	asked(t, &sent, to, &heads, 3, "good")
	m.requests(new(stream), &sent)
	require.Len(t, got, 1)
	require.Equal(t, history.KindRequest, got[0].Kind)
	require.Equal(t, "7", got[0].ID)
}

// A client whose window is used up waits for a WINDOW_UPDATE before it can say more: that can't wait for it.
func TestAWindowWaitsForNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMultiplex(&conn{tap: &tap{record: func(time.Time, history.Event) {}}})
		m.opened, m.calls[1] = 1, &call{n: 1}
		var sent bytes.Buffer
		f := http2.NewFramer(&sent, nil)
		require.NoError(t, f.WriteWindowUpdate(1, 16<<10))
		began := time.Now()
		m.responses(new(stream), &sent)
		require.Zero(t, time.Since(began))
	})
}
