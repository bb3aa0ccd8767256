package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
)

// All attempts of a request have one trace: the caller's, or a fresh one.
func TestARequestHasASpanOfItsCallersTrace(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	caller := http.Header{"Traceparent": {"00-" + trace + "-b7ad6b7169203331-01"}}
	require.Regexp(t, "^00-"+trace+"-[0-9a-f]{16}-01$", spanOf(caller))
	require.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-01$", spanOf(http.Header{}))
	require.NotEqual(t, spanOf(http.Header{}), spanOf(http.Header{}))
	md, _ := metadata.FromOutgoingContext(traced(t.Context(), "00-"+trace+"-b7ad6b7169203331-01"))
	require.Equal(t, []string{"00-" + trace + "-b7ad6b7169203331-01"}, md["traceparent"])
	require.Equal(t, []string{"\x00\x00\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c\x01\xb7\xad\x6b\x71\x69\x20\x33\x31\x02\x01"}, md["grpc-trace-bin"])
}
