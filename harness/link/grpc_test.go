package link_test

import (
	"context"
	"encoding/hex"
	"io"
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
	"google.golang.org/protobuf/encoding/protowire"

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

// invocation is a call's first message: unary, or a stream's with the first piece of its body.
func invocation(stream bool, body string) []byte {
	field := func(b []byte, n protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
	}
	call := field(nil, 1, []byte("orders"))
	if !stream {
		call = field(call, 2, field(nil, 2, []byte(body)))
	}
	request := field(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1), 3, call)
	if !stream {
		return request
	}
	return append(field(nil, 1, request), payload(body)...)
}

// payload is a later message of a stream.
func payload(body string) []byte {
	data := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), body)
	return protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), data)
}

func TestAnOrderIsKnownByItsBodyBetweenDaprd(t *testing.T) {
	answer := daprdMessages(t)["response_stream"]
	server := grpc.NewServer(grpc.ForceServerCodec(plain{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		for {
			var b []byte
			if s.RecvMsg(&b) != nil {
				return s.SendMsg(&answer)
			}
		}
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go server.Serve(l)
	defer server.Stop()
	long := strings.Repeat(" ", 100<<10)
	const stream, unary = "Stream", ""
	for name, c := range map[string]struct {
		kind     string
		messages [][]byte
		order    string
	}{
		"in_the_first_message":  {stream, [][]byte{invocation(true, `{"orderId":5}`)}, "5"},
		"in_the_only_one":       {unary, [][]byte{invocation(false, `{"orderId":"a7"}`)}, "a7"},
		"over_several_messages": {stream, [][]byte{invocation(true, `{"order":`), payload(long), payload(`{"id":`), payload(`9}}`)}, "9"},
		"in_a_later_message":    {stream, [][]byte{invocation(true, `{"more":"`), payload(long), payload(`","orderId":9}`)}, "9"},
		"not_there":             {stream, [][]byte{invocation(true, `{}`)}, ""},
		"no_body":               {stream, [][]byte{invocation(true, ``)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeen()
			_, addr := openWithIDs(t, l.Addr().String(), s)
			client, err := toAddr(addr)
			require.NoError(t, err)
			defer client.Close()
			call, err := client.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/dapr.proto.internals.v1.ServiceInvocation/CallLocal"+c.kind)
			require.NoError(t, err)
			for _, m := range c.messages {
				require.NoError(t, call.SendMsg(&m))
			}
			require.NoError(t, call.CloseSend())
			var b []byte
			require.NoError(t, call.RecvMsg(&b))
			require.ErrorIs(t, call.RecvMsg(&b), io.EOF)
			require.Equal(t, []string{"accept", "request  /orders order " + c.order, "response 503 order " + c.order, "complete 503 order " + c.order}, s.atLeast(t, 4))
		})
	}
}
