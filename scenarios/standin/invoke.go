package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/halfopen/halfopen/sidecar/policy"
)

// api is daprd's HTTP API, as far as calls of services need it.
func (d *daprd) api(w http.ResponseWriter, r *http.Request) {
	switch p := r.URL.EscapedPath(); {
	case p == "/v1.0/healthz/outbound" || (p == "/v1.0/healthz" && d.ready.Load()):
		w.WriteHeader(http.StatusNoContent)
	case p == "/v1.0/healthz":
		d.fail(w, http.StatusInternalServerError, "ERR_HEALTH_NOT_READY", "dapr is not ready")
	case p == "/v1.0/metadata":
		json.NewEncoder(w).Encode(map[string]any{"id": d.id, "runtimeVersion": d.version})
	case p == "/v1.0/shutdown" && r.Method == http.MethodPost:
		w.WriteHeader(http.StatusNoContent)
		d.stop()
	case strings.HasPrefix(p, "/v1.0/invoke/"):
		app, method, _ := strings.Cut(strings.TrimPrefix(p, "/v1.0/invoke/"), "/method/")
		d.invoke(w, r, app, method)
	case r.Header.Get("dapr-app-id") != "":
		d.invoke(w, r, r.Header.Get("dapr-app-id"), strings.TrimPrefix(p, "/"))
	default:
		d.fail(w, http.StatusNotFound, "ERR_DIRECT_INVOKE", "failed getting app id either from the URL path or the header dapr-app-id")
	}
}

func (d *daprd) fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"errorCode": code, "message": message})
}

// invoke calls another app under the policies in force.
func (d *daprd) invoke(w http.ResponseWriter, r *http.Request, app, method string) {
	chunked := r.ContentLength < 0
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	t := d.policies.For(app)
	if id, namespaced := strings.CutSuffix(app, ".default"); namespaced {
		t, app = policy.None(app), id
	}
	d.applied(t, app, method)
	_, builtin := t.Builtin()
	out := request{method: method, query: r.URL.RawQuery, verb: r.Method, header: r.Header.Clone(), body: body, trace: spanOf(r.Header)}
	dropHopByHop(out.header)
	out.header.Set("Dapr-App-Id", app)
	out.header.Set("Dapr-Caller-App-Id", d.id)
	out.header.Set("Dapr-Callee-App-Id", app)
	var last response
	code, err := d.engine.Do(r.Context(), t, method, chunked, func(ctx context.Context, n int) (int, error) {
		attempt := out
		if chunked && n > 1 {
			attempt.body = nil
		}
		var err error
		last, err = d.send(ctx, app, builtin, attempt)
		return last.status, err
	})
	if err != nil {
		message := err.Error()
		if n, on := t.Builtin(); on && errors.Is(err, policy.ErrUnreachable) {
			message = fmt.Sprintf("failed to invoke target %s after %d retries. Error: %s", app, n, message)
		}
		d.fail(w, http.StatusInternalServerError, "ERR_DIRECT_INVOKE", fmt.Sprintf("failed to invoke, id: %s, err: %s", app, message))
		return
	}
	for name, values := range last.header {
		w.Header()[name] = values
	}
	dropHopByHop(w.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(code)
	w.Write(last.body)
}

// applied counts the policies in force.
func (d *daprd) applied(t policy.Target, app, method string) {
	timeout, retry, breaker := t.Has()
	if timeout {
		d.metrics.applied(app, "timeout", "")
	}
	if retry {
		d.metrics.applied(app, "retry", "")
	}
	if breaker {
		state, _ := d.engine.State(t, method)
		d.metrics.applied(app, "circuitbreaker", state.String())
		d.metrics.found(app, state.String())
	}
}

// serverOptions take calls of other daprd to the app beside this one.
func serverOptions(d *daprd) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodec(plain{}),
		grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
			if method, _ := grpc.MethodFromServerStream(s); method != callLocal {
				return status.Errorf(codes.Unimplemented, "unknown method %s", method)
			}
			return d.deliver(s)
		}),
	}
}

func (d *daprd) deliver(s grpc.ServerStream) error {
	if d.appAddr == "" {
		return status.Error(codes.Internal, "app channel is not initialized")
	}
	var all []byte
	for {
		var b []byte
		err := s.RecvMsg(&b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		all = append(all, b...)
	}
	r, err := unmarshalRequest(all)
	if err != nil {
		return status.Errorf(codes.InvalidArgument, "parsing InternalInvokeRequest error: %s", err)
	}
	if md := metadata.ValueFromIncomingContext(s.Context(), "traceparent"); len(md) > 0 {
		r.header.Set("Traceparent", md[0])
	}
	resp, err := d.toApp(s.Context(), r)
	if err != nil {
		return status.Errorf(codes.Internal, "error invoking app channel: %s", err)
	}
	b := resp.marshal()
	return s.SendMsg(&b)
}

// toApp is one request to the app, and never sent again by itself.
func (d *daprd) toApp(ctx context.Context, r request) (response, error) {
	url := "http://" + d.appAddr + "/" + strings.TrimPrefix(r.method, "/")
	if r.query != "" {
		url += "?" + r.query
	}
	req, err := http.NewRequestWithContext(ctx, r.verb, url, nil)
	if err != nil {
		return response{}, err
	}
	req.Body, req.ContentLength = io.NopCloser(struct{ io.Reader }{bytes.NewReader(r.body)}), int64(len(r.body))
	req.Header = r.header
	req.Header.Del("Content-Length")
	resp, err := d.app.RoundTrip(req)
	if err != nil {
		d.app.CloseIdleConnections()
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return response{}, err
	}
	dropHopByHop(resp.Header)
	return response{status: resp.StatusCode, header: resp.Header, body: body}, nil
}
