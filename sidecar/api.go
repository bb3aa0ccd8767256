package sidecar

import (
	"crypto/subtle"
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
		if s.health(w, r) {
			return
		}
		if s.APIToken != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(s.APIToken)) != 1 {
			http.Error(w, "invalid api token", http.StatusUnauthorized)
			return
		}
		if s.LogCalls {
			s.log.called(r)
		}
		switch path := r.URL.Path; {
		case path == "/v1.0/metadata":
			s.metadata(w)
		case path == "/v1.0/shutdown" && r.Method == http.MethodPost:
			w.WriteHeader(http.StatusNoContent)
			s.shutdown()
		case strings.HasPrefix(path, invokePrefix):
			app, method, ok := splitInvoke(r.URL.EscapedPath())
			if !ok {
				noAppID(w)
				return
			}
			s.invoke(w, r, app, method)
		default:
			app := addressed(r)
			if app == "" {
				noAppID(w)
				return
			}
			s.invoke(w, r, app, strings.TrimPrefix(r.URL.EscapedPath(), "/"))
		}
	})
}

// tokenHeader carries the token that API or app ask for. It is a matter between two neighbours: a caller's is never
// sent on.
const tokenHeader = "Dapr-Api-Token"

// health answers what needs no token.
func (s *sidecar) health(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != "/v1.0/healthz" && r.URL.Path != "/v1.0/healthz/outbound" {
		return false
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// publicHandler is what anybody may ask.
func (s *sidecar) publicHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.health(w, r):
		case r.URL.Path == "/v1.0/metadata":
			s.metadata(w)
		default:
			http.NotFound(w, r)
		}
	})
}

// addressed gives the app that a request is for: by a header, or by http://dapr-app-id:APP@HOST/PATH.
func addressed(r *http.Request) string {
	if app := r.Header.Get("dapr-app-id"); app != "" {
		return app
	}
	if user, app, ok := r.BasicAuth(); ok && user == "dapr-app-id" {
		return app
	}
	return ""
}

func noAppID(w http.ResponseWriter) {
	fail(w, http.StatusNotFound, "ERR_DIRECT_INVOKE", "failed getting app id either from the URL path or the header dapr-app-id")
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
		"id": s.AppID, "runtimeVersion": s.Log.Version,
		"appConnectionProperties": map[string]any{"port": s.AppPort, "protocol": "http", "channelAddress": s.AppAddress},
	})
}

// readBody takes a request's body so that it can be sent again.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if int64(len(body)) > limit {
		io.CopyN(io.Discard, r.Body, limit) // a connection closed on unread bytes is reset, and the answer lost
		return nil, errTooLarge
	}
	return body, nil
}
