package link_test

import (
	"context"
	"encoding/hex"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/halfopen/halfopen/harness/history"
)

// daprdMessages are bytes by name.
func daprdMessages(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/daprd-messages.txt")
	require.NoError(t, err)
	out := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		if name, code, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			out[name], err = hex.DecodeString(code)
			require.NoError(t, err)
		}
	}
	require.Len(t, out, 4)
	return out
}

// plain is a gRPC codec for bytes.
type plain struct{}

func (plain) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (plain) Unmarshal(b []byte, v any) error { *v.(*[]byte) = append([]byte(nil), b...); return nil }
func (plain) Name() string                    { return "proto" }
func toAddr(addr string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(plain{})))
}

// The calls of one daprd to another are seen as requests, whichever way they end, and so is what ends them.
func TestCallsBetweenDaprdAreRequests(t *testing.T) {
	messages := daprdMessages(t)
	release := make(chan struct{})
	server := grpc.NewServer(grpc.ForceServerCodec(plain{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		var b []byte
		if err := s.RecvMsg(&b); err != nil {
			return err
		}
		method, _ := grpc.MethodFromServerStream(s)
		md, _ := metadata.FromIncomingContext(s.Context())
		switch md.Get("how")[0] {
		case "app is down":
			return status.Error(codes.Internal, "error invoking app channel: 100 %")
		case "hangs":
			<-s.Context().Done()
			return s.Context().Err()
		case "waits":
			<-release
		}
		answer := messages["response_unary"]
		if strings.HasSuffix(method, "Stream") {
			answer = messages["response_stream"]
		}
		return s.SendMsg(&answer)
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go server.Serve(l)
	defer server.Stop()

	s := newSeen()
	set, addr := open(t, l.Addr().String(), s)
	client, err := toAddr(addr)
	require.NoError(t, err)
	defer client.Close()

	invoke := func(ctx context.Context, method, how string, m []byte) error {
		var answer []byte
		ctx = metadata.AppendToOutgoingContext(ctx, "how", how)
		return client.Invoke(ctx, method, &m, &answer)
	}
	const stream, unary = "/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream", "/dapr.proto.internals.v1.ServiceInvocation/CallLocal"
	require.NoError(t, invoke(t.Context(), stream, "well", messages["request_stream"]))
	require.NoError(t, invoke(t.Context(), unary, "well", messages["request_unary"]))
	require.NoError(t, invoke(t.Context(), "/grpc.health.v1.Health/Check", "well", nil))
	require.Error(t, invoke(t.Context(), stream, "app is down", messages["request_stream"]))

	ctx, giveUp := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- invoke(ctx, stream, "hangs", messages["request_stream"]) }()
	s.until(t, func(e history.Event) bool { return e.Kind == history.KindRequest && e.Attr("n") == "4" })
	giveUp()
	require.Error(t, <-gaveUp)
	s.until(t, func(e history.Event) bool { return e.Kind == history.KindClose && e.Attr("stream") == "true" })

	for range 2 {
		go func() { gaveUp <- invoke(t.Context(), stream, "waits", messages["request_stream"]) }()
	}
	s.until(t, func(e history.Event) bool { return e.Kind == history.KindRequest && e.Attr("n") == "6" })
	require.NoError(t, set.Close())
	require.Error(t, <-gaveUp)
	require.Error(t, <-gaveUp)
	close(release)

	var got []string
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		switch e.Kind {
		case history.KindRequest:
			require.Equal(t, trace, e.Op)
			require.Equal(t, "order-processor", e.Attr("app"))
			require.Equal(t, "grpc", e.Attr("protocol"))
		case history.KindResponse:
			require.Equal(t, e.Status == 500, e.Error == "error invoking app channel: 100 %", "%+v", e)
		}
		if text := tell(e); e.Kind != history.KindAccept && (e.Kind != history.KindClose || e.Attr("open") != "") {
			got = append(got, text) // gRPC dials again as it likes
		}
	}
	require.Equal(t, []string{
		"request POST /orders order 7", "response 503 order 7", "complete 503 order 7",
		"request POST /orders order 7", "response 503 order 7", "complete 503 order 7",
		"request POST /orders order 7", "response 500 order 7", "complete 500 order 7",
		"request POST /orders order 7", "close by client open 4",
		"request POST /orders order 7", "request POST /orders order 7", "close by tap open 5", "close by tap open 6",
	}, got)
}

// until waits for an event.
func (s *seen) until(t *testing.T, want func(history.Event) bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		found := slices.ContainsFunc(s.events, want)
		s.mu.Unlock()
		if found {
			return
		}
		select {
		case <-s.more:
		case <-deadline:
			t.Fatal("it never came")
		}
	}
}
