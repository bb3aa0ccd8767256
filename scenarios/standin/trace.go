package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"

	"google.golang.org/grpc/metadata"
)

// daprd gives each request that it is asked a span: of the caller's trace, or of a fresh one. Its attempts carry that to
// the other daprd beside the message, in text and in OpenCensus' binary form, and the app is told it.
//
// https://github.com/dapr/dapr/blob/v1.18.3/pkg/diagnostics/grpc_tracing.go

// spanOf is the traceparent of a request's span.
func spanOf(h http.Header) string {
	const sampled = "01"
	trace, parent := random(16), strings.Split(h.Get("Traceparent"), "-")
	if len(parent) == 4 && len(parent[1]) == len(trace) {
		trace = parent[1]
	}
	return strings.Join([]string{"00", trace, random(8), sampled}, "-")
}

func random(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// traced puts a span beside the message of a call.
func traced(ctx context.Context, span string) context.Context {
	parts := strings.Split(span, "-")
	trace, _ := hex.DecodeString(parts[1])
	id, _ := hex.DecodeString(parts[2])
	binary := append([]byte{0, 0}, trace...)
	binary = append(append(binary, 1), id...)
	binary = append(binary, 2, 1)
	return metadata.AppendToOutgoingContext(ctx, "traceparent", span, "grpc-trace-bin", string(binary))
}
