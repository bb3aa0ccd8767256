package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// internalHandler takes calls of other sidecars to the app beside this one.
func (s *sidecar) internalHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.AppPort == 0 {
			s.own(w, errors.New("app channel is not initialized"))
			return
		}
		body, err := readBody(r, s.MaxBodyBytes)
		if err != nil {
			s.own(w, err)
			return
		}
		url := "http://" + net.JoinHostPort(s.AppAddress, strconv.Itoa(s.AppPort)) + r.URL.RequestURI()
		req, err := http.NewRequestWithContext(r.Context(), r.Method, url, nil)
		if err != nil {
			s.own(w, err)
			return
		}
		req.ContentLength = int64(len(body))
		copyHeader(req.Header, r.Header)
		if s.AppToken != "" {
			req.Header.Set(tokenHeader, s.AppToken)
		}
		if !s.enter(r.Context()) {
			s.own(w, r.Context().Err())
			return
		}
		defer s.leave()
		resp, err := send(s.app, req, func() io.ReadCloser { return once(r, body) })
		if err != nil {
			s.app.CloseIdleConnections()
			s.own(w, fmt.Errorf("error invoking app channel: %s %q: %w", r.Method, url, err))
			return
		}
		defer resp.Body.Close()
		copyHeader(w.Header(), resp.Header)
		w.Header().Del(ownError)
		if resp.StatusCode < 100 {
			s.own(w, fmt.Errorf("error invoking app channel: %s %q: malformed HTTP status code %d", r.Method, url, resp.StatusCode))
			return
		}
		pass(w, resp, resp.StatusCode)
	})
}

// enter waits for room at the app; false where the caller is gone before.
func (s *sidecar) enter(ctx context.Context) bool {
	if s.room == nil {
		return true
	}
	select {
	case s.room <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *sidecar) leave() {
	if s.room != nil {
		<-s.room
	}
}

// own answers another sidecar with an error that is this sidecar's, not its app's.
func (s *sidecar) own(w http.ResponseWriter, err error) {
	w.Header().Set(ownError, oneLine(err.Error()))
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// oneLine makes a text fit for a header.
func oneLine(text string) string {
	out := []rune(text)
	for i, r := range out {
		if r < ' ' || r == 0x7f {
			out[i] = ' '
		}
	}
	return string(out)
}
