package sidecar

import (
	"io"
	"net/http"
	"strconv"
)

// pass hands an answer on as it comes, after its headers. One that breaks off half-way breaks off for its reader
// too, who must not take it for whole.
func pass(w http.ResponseWriter, from *http.Response, status int) {
	if from.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(from.ContentLength, 10))
	}
	w.WriteHeader(status)
	if status == http.StatusSwitchingProtocols {
		return // what follows is no answer any more, and has no end
	}
	var to io.Writer = w
	if from.ContentLength < 0 {
		to = flushing{w, http.NewResponseController(w)}
	}
	if _, err := io.Copy(to, from.Body); err != nil {
		http.NewResponseController(w).Flush() // a head still kept back would make it no answer at all
		panic(http.ErrAbortHandler)
	}
}

// A flushing writer keeps nothing back: whoever streams an answer means each part of it to arrive.
type flushing struct {
	w          io.Writer
	controller *http.ResponseController
}

func (f flushing) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err != nil {
		return n, err
	}
	return n, f.controller.Flush()
}
