package link

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/halfopen/halfopen/harness/history"
)

// A reader understands the HTTP/1, or daprd's gRPC, that crosses one connection. It is fed copies of the bytes and never touches
// the connection, so what it can't parse (another protocol, a broken peer) still passes.
type reader struct {
	conn *conn
	head chan struct{} // closed once the first request head is known

	requests, responses stream
	multiplex           *multiplex   // where the connection speaks HTTP/2
	pending             chan pending // requests whose response is still to come, in order
	unanswered          atomic.Int64 // the n of the oldest request without a complete response; 0 for none
	done                sync.WaitGroup
}

// pending is what a response must know of its request.
type pending struct {
	n       int
	request *http.Request
	op, id  string
}

// maxPipelined bounds how many requests a client may send before the first answer; more are not recorded.
const maxPipelined = 64

func newReader(c *conn) *reader {
	r := &reader{conn: c, head: make(chan struct{}), pending: make(chan pending, maxPipelined), multiplex: newMultiplex(c)}
	r.requests.open()
	r.responses.open()
	r.done.Add(2)
	go r.readRequests()
	go r.readResponses()
	return r
}

func (r *reader) request(b []byte)  { r.requests.feed(b) }
func (r *reader) response(b []byte) { r.responses.feed(b) }

// sawHead tells whether a request head has been read.
func (r *reader) sawHead() bool {
	select {
	case <-r.head:
		return true
	default:
		return false
	}
}

// close ends both streams, waits until all they held is recorded, and gives the n of each request that is left
// without a complete response: with HTTP/1 of the first one.
func (r *reader) close() []int {
	r.requests.close()
	r.responses.close()
	r.done.Wait()
	if n := r.unanswered.Load(); n > 0 {
		return []int{int(n)}
	}
	return r.multiplex.close()
}

func (r *reader) readRequests() {
	defer r.done.Done()
	defer r.requests.discard()
	noMore := sync.OnceFunc(func() { close(r.pending) }) // whoever waits for a request here waits in vain from now on
	defer noMore()                                       // first
	in := bufio.NewReader(&r.requests)
	if isHTTP2(in) {
		noMore()      // an upstream that speaks HTTP/1 passes all the same
		close(r.head) // a client says no more until the upstream has answered: there is no head to wait for
		in.Discard(len(http2.ClientPreface))
		r.multiplex.requests(&r.requests, in)
		return
	}
	for n := 1; ; n++ {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		p := pending{n: n, request: req, op: traceID(req.Header.Get("traceparent")), id: req.Header.Get(orderHeader)}
		r.unanswered.CompareAndSwap(0, int64(n))
		if n == 1 {
			close(r.head)
		}
		told, err := r.readRequest(p)
		if err != nil || !told {
			return
		}
	}
}

// readRequest reads a request's body and tells of the request, with the order that it carries. It is told without
// where the body is not there soon; told is false where too many wait for their answers.
func (r *reader) readRequest(p pending) (told bool, err error) {
	at := r.requests.arrived()
	var once sync.Once
	tell := func(id string) {
		once.Do(func() {
			p := p
			p.id = id
			r.conn.tap.event(at, r.requestEvent(p))
			select {
			case r.pending <- p:
				told = true
			default:
			}
		})
	}
	paths := r.conn.tap.ids
	if p.id != "" || len(paths) == 0 {
		tell(p.id)
		_, err := io.Copy(io.Discard, p.request.Body)
		return told, err
	}
	late := time.AfterFunc(bodyGrace, func() { tell("") })
	id, err := readOrder(p.request, paths)
	late.Stop()
	tell(id)
	return told, err
}

func (r *reader) requestEvent(p pending) history.Event {
	attrs := map[string]string{"n": strconv.Itoa(p.n), "method": p.request.Method}
	if p.request.ContentLength >= 0 {
		attrs["length"] = strconv.FormatInt(p.request.ContentLength, 10)
	} else {
		attrs["chunked"] = "true"
	}
	if app := p.request.Header.Get("dapr-app-id"); app != "" {
		attrs["app"] = app
	}
	return history.Event{Kind: history.KindRequest, Conn: r.conn.id, Op: p.op, ID: p.id, Path: p.request.URL.Path, Attrs: attrs}
}

func (r *reader) readResponses() {
	defer r.done.Done()
	defer r.responses.discard()
	in := bufio.NewReader(&r.responses)
	if answersHTTP2(in) {
		r.multiplex.responses(&r.responses, in)
		return
	}
	for {
		if _, err := in.Peek(1); err != nil {
			return
		}
		p, ok := <-r.pending // an answer comes after its request, so this doesn't wait
		if !ok {
			return
		}
		resp, err := r.readFinal(in, p) //nolint:bodyclose // it is read to its end from in, which closes nothing
		if err != nil {
			return
		}
		e := history.Event{
			Kind: history.KindResponse, Conn: r.conn.id, Op: p.op, ID: p.id, Path: p.request.URL.Path,
			Status: resp.StatusCode, Attrs: map[string]string{"n": strconv.Itoa(p.n)},
		}
		if after := resp.Header.Get("Retry-After"); after != "" {
			e.Attrs["retry_after"] = after
		}
		if fault := resp.Header.Get(faultHeader); fault != "" {
			e.Attrs["fault"] = fault // the door's answer, not the app's
		}
		if own := resp.Header.Get("Halfopen-Error"); own != "" {
			e.Error = own // a sidecar's own error, not its app's answer
		}
		r.conn.tap.event(r.responses.arrived(), e)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode == http.StatusSwitchingProtocols {
			return
		}
		r.unanswered.Store(0)
		if len(r.pending) > 0 {
			r.unanswered.Store(int64(p.n + 1))
		}
		done := e
		done.Kind, done.Attrs = history.KindComplete, map[string]string{"n": strconv.Itoa(p.n)}
		r.conn.tap.event(r.responses.arrived(), done)
	}
}

// readFinal skips interim answers such as 100 Continue.
func (r *reader) readFinal(in *bufio.Reader, p pending) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(in, p.request)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// traceID takes the trace id out of a W3C traceparent; "" where it is none.
func traceID(traceparent string) string {
	parts := strings.Split(traceparent, "-")
	if len(parts) < 4 || len(parts[1]) != 32 {
		return ""
	}
	return parts[1]
}

// A stream hands chunks from a copying goroutine to a parsing one and remembers when the last one arrived.
type stream struct {
	*io.PipeReader
	w  *io.PipeWriter
	at atomic.Int64 // of the latest chunk, nanoseconds since base
	t0 time.Time
}

func (s *stream) open() {
	s.t0 = time.Now()
	s.PipeReader, s.w = io.Pipe()
}

// feed gives the parser a chunk and returns when it has taken it.
func (s *stream) feed(b []byte) {
	s.at.Store(int64(time.Since(s.t0)))
	s.w.Write(b)
}

func (s *stream) close() { s.w.Close() }

// discard takes the rest, so that a parser which gave up never holds back the connection.
func (s *stream) discard() { io.Copy(io.Discard, s.PipeReader) }

// arrived is when the chunk arrived that the parser read last.
func (s *stream) arrived() time.Time { return s.t0.Add(time.Duration(s.at.Load())) }
