package sidecar

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// apiHandler is Dapr's HTTP API, as far as service invocation needs it.
//
// https://docs.dapr.io/reference/api/service_invocation_api/
func (s *sidecar) apiHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/v1.0/healthz", path == "/v1.0/healthz/outbound":
			w.WriteHeader(http.StatusNoContent)
		case path == "/v1.0/metadata":
			s.metadata(w)
		case path == "/v1.0/shutdown" && r.Method == http.MethodPost:
			w.WriteHeader(http.StatusNoContent)
			s.shutdown()
		case strings.HasPrefix(path, invokePrefix):
			app, method, ok := splitInvoke(r.URL.EscapedPath())
			if !ok {
				fail(w, http.StatusNotFound, "ERR_DIRECT_INVOKE", "failed getting app id either from the URL path or the header dapr-app-id")
				return
			}
			s.invoke(w, r, app, method)
		case r.Header.Get("dapr-app-id") != "":
			s.invoke(w, r, r.Header.Get("dapr-app-id"), strings.TrimPrefix(r.URL.EscapedPath(), "/"))
		default:
			fail(w, http.StatusNotFound, "ERR_DIRECT_INVOKE", "failed getting app id either from the URL path or the header dapr-app-id")
		}
	})
}

const invokePrefix = "/v1.0/invoke/"

// splitInvoke takes /v1.0/invoke/APP/method/PATH apart.
func splitInvoke(escaped string) (app, method string, ok bool) {
	app, method, ok = strings.Cut(strings.TrimPrefix(escaped, invokePrefix), "/method/")
	return app, method, ok && app != "" && !strings.Contains(app, "/")
}

// fail answers with one of daprd's own errors.
func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.Encode(map[string]string{"errorCode": code, "message": message})
}

func (s *sidecar) metadata(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"id": s.AppID, "runtimeVersion": s.Config.Log.Version,
		"appConnectionProperties": map[string]any{"port": s.AppPort, "protocol": "http", "channelAddress": s.AppAddress},
	})
}

// maxBodyBytes is Dapr's limit of a request's body.
const maxBodyBytes = 4 << 20

// readBody takes a request's body so that it can be sent again.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBodyBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if len(body) > maxBodyBytes {
		return nil, errTooLarge
	}
	return body, nil
}
