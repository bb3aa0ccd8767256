package sidecar

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// send puts a request on the wire, and its head there at most once. Where a kept connection turned out to be dead
// before a byte was written, nobody has seen the request, and it goes over a fresh one: that is no attempt that
// failed, as it is none for gRPC.
func send(t *http.Transport, req *http.Request, body func() io.ReadCloser) (*http.Response, error) {
	req.Body = body()
	resp, err := t.RoundTrip(req)
	if err == nil || !unwritten(err) {
		return resp, err
	}
	t.CloseIdleConnections()
	again := req.Clone(req.Context())
	again.Body = body()
	return t.RoundTrip(again)
}

// unwritten tells whether a request failed before any of it was written, or after the other side had closed the
// connection that was kept. net/http knows, and has no public word for it; a test holds that it goes on saying it so.
func unwritten(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if fmt.Sprintf("%T", err) == "http.nothingWrittenError" || err.Error() == "http: server closed idle connection" {
			return true
		}
	}
	return false
}
