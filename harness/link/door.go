package link

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/halfopen/halfopen/harness/scenario"
)

// A door is a fault at an app's door: the tap in front of the app answers requests in the app's place, or keeps them,
// or holds their answers back. So it works for any app and any sidecar.
type door struct {
	fault scenario.Fault

	mu   sync.Mutex
	met  int // requests that it was about so far
	dice *rand.Rand
	kept map[*conn]struct{} // connections with a request that is never answered
}

// door puts a fault at the door. What it keeps finds its connection closed when it is healed.
func (h *hop) door(f scenario.Fault) (heal func() error, err error) {
	if !h.tap.door {
		return nil, errors.New("the link was not opened as an app's door")
	}
	d := &door{fault: f, dice: rand.New(rand.NewPCG(uint64(f.Seed), 0)), kept: map[*conn]struct{}{}}
	h.tap.doors.add(d)
	return func() error {
		h.tap.doors.remove(d)
		d.letGo()
		return nil
	}, nil
}

// takes tells whether a request is one that the fault is about.
func (d *door) takes(r *http.Request) bool {
	if d.fault.Path != "" {
		if ok, err := path.Match(d.fault.Path, strings.Trim(path.Clean(r.URL.Path), "/")); err != nil || !ok {
			return false
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.met++
	switch {
	case d.fault.First > 0:
		return d.met <= d.fault.First
	case d.fault.Ratio > 0:
		return d.dice.Float64() < d.fault.Ratio
	}
	return true
}

// requests passes a client's requests on one by one, by way of the doors. What is no HTTP/1 passes as it is.
// It gives what copyTee gives.
func (c *conn) requests(read *reader) error {
	in := bufio.NewReaderSize(&teeing{c.client, read.request}, maxHeadBytes)
	for {
		head, r, err := nextHead(in)
		if err != nil {
			return fine(err)
		}
		if r == nil {
			return c.copyTee(c.upstream, in, func([]byte) {}, true)
		}
		if err := c.letIn(read, in, head, r); err != nil {
			return fine(err)
		}
		if r.Header.Get("Upgrade") != "" {
			return c.copyTee(c.upstream, in, func([]byte) {}, true)
		}
	}
}

// maxHeadBytes is the longest request head that a door understands.
const maxHeadBytes = 1 << 20

// letIn takes one request through the doors and on to the app.
func (c *conn) letIn(read *reader, in *bufio.Reader, head []byte, r *http.Request) error {
	var hold time.Duration
	for _, d := range c.tap.doors.all() {
		if !d.takes(r) {
			continue
		}
		switch d.fault.Kind {
		case scenario.Respond:
			return c.respond(d, read, in, head, r)
		case scenario.Hang:
			return c.hang(d, in, head, r)
		case scenario.Slow:
			hold += d.fault.Delay
		}
	}
	c.held.Store(int64(time.Since(c.started) + hold))
	if _, err := c.upstream.Write(head); err != nil {
		return errWrite
	}
	in.Discard(len(head))
	return body(c.upstream, in, r)
}

// body passes a request's body on, byte for byte but for the sizes of its chunks.
func body(to io.Writer, in *bufio.Reader, r *http.Request) error {
	if len(r.TransferEncoding) == 0 {
		out := &marked{w: to}
		_, err := io.CopyN(out, in, max(0, r.ContentLength))
		return out.or(err)
	}
	out := &marked{w: to}
	chunks := httputil.NewChunkedWriter(out)
	if _, err := io.Copy(chunks, httputil.NewChunkedReader(in)); err != nil {
		return out.or(err)
	}
	chunks.Close()
	for { // trailers, and the empty line behind them
		line, err := in.ReadSlice('\n')
		if _, werr := out.Write(line); werr != nil || err != nil {
			return out.or(err)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
	}
}

// marked tells a writer's errors from a reader's.
type marked struct {
	w      io.Writer
	failed bool
}

func (m *marked) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	m.failed = m.failed || err != nil
	return n, err
}

func (m *marked) or(err error) error {
	if m.failed {
		return errWrite
	}
	return err
}

// teeing shows what is read to the tap's parser first.
type teeing struct {
	from io.Reader
	tee  func([]byte)
}

func (s *teeing) Read(b []byte) (int, error) {
	n, err := s.from.Read(b)
	if n > 0 {
		s.tee(b[:n])
	}
	return n, err
}

// nextHead waits for a whole request head, and gives it unread. The request is nil where what comes is no HTTP/1.
func nextHead(in *bufio.Reader) (head []byte, r *http.Request, err error) {
	for n := 1; ; {
		if _, err := in.Peek(n); err != nil {
			return nil, nil, err
		}
		b, _ := in.Peek(in.Buffered())
		if b[0] < 'A' || b[0] > 'Z' || len(b) == maxHeadBytes {
			return nil, nil, nil
		}
		if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
			head = b[:i+4]
			break
		}
		n = len(b) + 1
	}
	r, err = http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil || r.ProtoMajor != 1 {
		return nil, nil, nil
	}
	return head, r, nil
}

// fine is nil at a connection's end in good order.
func fine(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// sleepUnless waits for a time, and less where the client is gone.
func (c *conn) sleepUnless(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.gone:
	}
}
