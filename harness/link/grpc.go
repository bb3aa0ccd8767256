package link

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/halfopen/halfopen/harness/history"
)

// daprd calls another daprd by gRPC: one connection, a stream a call. The path of the call, its trace id and its
// order are in the stream's first message, and the app's status is in the first one of the answer; only an order that is
// known by its body may need the messages behind it, of 2 KiB of body each. What is no call of a service (health,
// reflection, somebody's own gRPC) passes unseen.
//
// https://github.com/dapr/dapr/blob/v1.14.0/dapr/proto/internals/v1/service_invocation.proto

// servicePath begins the path of gRPC calls that are calls of a service.
const servicePath = "/dapr.proto.internals.v1.ServiceInvocation/CallLocal" // CallLocalStream too, since 1.10

// A multiplex understands the HTTP/2 that crosses one connection.
type multiplex struct {
	conn *conn

	mu       sync.Mutex
	last     int    // n of the latest call
	opened   uint32 // the latest stream: they count upwards
	ended    bool   // the client has sent its last
	progress chan struct{}
	calls    map[uint32]*call
}

func newMultiplex(c *conn) *multiplex {
	return &multiplex{conn: c, progress: make(chan struct{}), calls: map[uint32]*call{}}
}

// went tells whoever waits that more of what the client sent is understood; the lock is held.
func (m *multiplex) went() {
	close(m.progress)
	m.progress = make(chan struct{})
}

// asked waits until what a stream was asked is understood, since the parser of one direction may be behind the
// other's; the lock is held before and after. Who answers unasked is not waited for long.
func (m *multiplex) asked(stream uint32) *call {
	patience := time.NewTimer(headGrace)
	defer patience.Stop()
	for !m.ended {
		if c := m.calls[stream]; stream <= m.opened && (c == nil || c.told) {
			break
		}
		progress := m.progress
		m.mu.Unlock()
		late := false
		select {
		case <-progress:
		case <-patience.C:
			late = true
		}
		m.mu.Lock()
		if late {
			break
		}
	}
	return m.calls[stream]
}

// A call is one stream that calls a service.
type call struct {
	n                 int
	at                time.Time // of its head
	op                string    // trace id, as its metadata has it
	id, path, method  string
	app               string
	begun             bool // its first message is read
	body              []byte
	late              *time.Timer // tells its request though its body isn't there; nil where nobody waits for that
	told              bool        // its request is recorded
	status            int
	answered          bool // its response is recorded
	request, response message
}

// isHTTP2 tells by a client's first bytes whether it speaks HTTP/2, without taking them.
func isHTTP2(in *bufio.Reader) bool {
	const begins = "PRI " // no method of HTTP/1, and no longer than the shortest request
	b, err := in.Peek(len(begins))
	if err != nil || string(b) != begins {
		return false
	}
	b, err = in.Peek(len(http2.ClientPreface))
	return err == nil && string(b) == http2.ClientPreface
}

// answersHTTP2 tells the same by what answers.
func answersHTTP2(in *bufio.Reader) bool {
	const http1 = "HTTP/"
	b, err := in.Peek(len(http1))
	return err == nil && string(b) != http1
}

// frames hands each frame to take until the stream ends or can't be understood. What is wrong with one stream alone is
// left out.
func frames(in io.Reader, take func(http2.Frame)) {
	f := http2.NewFramer(io.Discard, in)
	f.ReadMetaHeaders = hpack.NewDecoder(tableBytes, nil)
	f.ReadMetaHeaders.SetAllowedMaxDynamicTableSize(tableBytes << 8)
	f.SetMaxReadFrameSize(1<<24 - 1)
	for {
		frame, err := f.ReadFrame()
		if errors.As(err, new(http2.StreamError)) {
			continue
		}
		if err != nil {
			return
		}
		take(frame)
	}
}

// tableBytes is HPACK's table, as long as nobody asks for more.
const tableBytes = 4 << 10

// requests takes what the client sends, from behind the preface on.
func (m *multiplex) requests(in *stream, from io.Reader) {
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.ended = true
		m.went()
	}()
	frames(from, func(f http2.Frame) {
		m.mu.Lock()
		defer m.mu.Unlock()
		defer m.went()
		c := m.calls[f.Header().StreamID]
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			m.opened = max(m.opened, f.StreamID)
			m.begin(f, in.arrived())
		case *http2.DataFrame:
			if c == nil || c.told {
				return
			}
			m.asks(c, f.Data(), f.StreamEnded())
		case *http2.RSTStreamFrame:
			m.end(f.StreamID, "client", in.arrived())
		}
	})
}

// begin notes a call.
func (m *multiplex) begin(f *http2.MetaHeadersFrame, at time.Time) {
	path := f.PseudoValue("path")
	if len(path) < len(servicePath) || path[:len(servicePath)] != servicePath {
		return
	}
	m.last++
	c := &call{n: m.last, at: at}
	for _, h := range f.RegularFields() {
		switch h.Name {
		case "traceparent":
			c.op = traceID(h.Value)
		case "grpc-trace-bin":
			c.op = cmp.Or(c.op, binaryTraceID(h.Value))
		}
	}
	m.calls[f.StreamID] = c
}

// asks takes more of what a call is asked, and tells it once all is known: with the first message, or where its order's
// id stands in the body, with what of that is there soon.
func (m *multiplex) asks(c *call, b []byte, last bool) {
	paths := m.conn.tap.ids
	for {
		text, rest, whole := c.request.add(b)
		if !whole {
			break
		}
		first := !c.begun
		if first {
			c.asks(text)
		} else {
			c.body = append(c.body, readPayload(text)...)
		}
		b, last = rest, last || rest == nil || len(c.body) > maxOrderBytes
		if first && c.id == "" {
			c.id = findOrder(c.body, paths)
		}
		if c.id != "" || len(paths) == 0 {
			m.tell(c)
			return
		}
		if first {
			c.late = time.AfterFunc(bodyGrace, func() {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.tell(c)
				m.went()
			})
		}
	}
	if last && c.begun {
		if len(c.body) <= maxOrderBytes {
			c.id = findOrder(c.body, paths)
		}
		m.tell(c)
	}
}

// asks reads a call's first message. The trace id in it is the caller's own.
func (c *call) asks(b []byte) {
	c.begun = true
	r := readInvokeRequest(b)
	c.body = append(c.body, r.body...)
	c.path, c.method = "/"+trimSlash(r.path), r.method
	c.op = cmp.Or(c.op, traceID(r.header("traceparent")))
	c.id, c.app = r.header("X-Order-Id"), r.header("dapr-app-id")
}

func trimSlash(p string) string {
	for len(p) > 0 && p[0] == '/' {
		p = p[1:]
	}
	return p
}

// tell records a call's request, once.
func (m *multiplex) tell(c *call) {
	if c.told {
		return
	}
	if c.told, c.body = true, nil; c.late != nil {
		c.late.Stop()
	}
	attrs := map[string]string{"n": strconv.Itoa(c.n), "protocol": "grpc"}
	if c.method != "" {
		attrs["method"] = c.method
	}
	if c.app != "" {
		attrs["app"] = c.app
	}
	m.conn.tap.event(c.at, history.Event{Kind: history.KindRequest, Conn: m.conn.id, Op: c.op, ID: c.id, Path: c.path, Attrs: attrs})
}

// responses takes what the upstream sends.
func (m *multiplex) responses(in *stream, from io.Reader) {
	frames(from, func(f http2.Frame) {
		if f.Header().StreamID == 0 || !answers(f) {
			return // about the connection, or about what may cross it
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		c := m.asked(f.Header().StreamID)
		if c == nil {
			return
		}
		switch f := f.(type) {
		case *http2.DataFrame:
			if c.answered {
				return
			}
			if b, _, whole := c.response.add(f.Data()); whole {
				m.answer(c, readInvokeResponse(b), "", in.arrived())
			}
		case *http2.MetaHeadersFrame:
			m.trailers(f, c, in.arrived())
		case *http2.RSTStreamFrame:
			m.end(f.StreamID, "upstream", in.arrived())
		}
	})
}

// answers tells whether a frame says what came of a call. No other one may wait for the call to be understood: without a
// WINDOW_UPDATE its client could not go on to ask.
func answers(f http2.Frame) bool {
	switch f := f.(type) {
	case *http2.DataFrame, *http2.RSTStreamFrame:
		return true
	case *http2.MetaHeadersFrame:
		return f.StreamEnded()
	}
	return false
}

// trailers end a call: well, or with an error of the sidecar that was called.
func (m *multiplex) trailers(f *http2.MetaHeadersFrame, c *call, at time.Time) {
	var code, words string
	for _, h := range f.Fields {
		switch h.Name {
		case "grpc-status":
			code = h.Value
		case "grpc-message":
			words = percentDecoded(h.Value)
		}
	}
	switch {
	case code == "0" && c.answered:
	case code == grpcUnavailable: // for who called it is as if nobody were there
		m.end(f.StreamID, "upstream", at)
		return
	case c.answered: // it broke off in the middle of an answer
		m.end(f.StreamID, "upstream", at)
		return
	default:
		m.answer(c, http.StatusInternalServerError, cmp.Or(words, "grpc-status "+code), at)
	}
	done := m.answered(c)
	done.Kind = history.KindComplete
	m.conn.tap.event(at, done)
	delete(m.calls, f.StreamID)
}

// grpcUnavailable is the code by which daprd knows that a sidecar can't be reached.
const grpcUnavailable = "14"

// answer records a call's answer: the app's status, or the called sidecar's own error.
func (m *multiplex) answer(c *call, status int, own string, at time.Time) {
	m.tell(c)
	c.answered, c.status = true, status
	e := m.answered(c)
	e.Error = own
	m.conn.tap.event(at, e)
}

func (m *multiplex) answered(c *call) history.Event {
	return history.Event{
		Kind: history.KindResponse, Conn: m.conn.id, Op: c.op, ID: c.id, Path: c.path, Status: c.status,
		Attrs: map[string]string{"n": strconv.Itoa(c.n)},
	}
}

// end records that a stream was given up before its answer had come whole.
func (m *multiplex) end(stream uint32, by string, at time.Time) {
	c := m.calls[stream]
	if c == nil {
		return
	}
	delete(m.calls, stream)
	m.tell(c)
	m.conn.tap.event(at, history.Event{
		Kind: history.KindClose, Conn: m.conn.id, Text: "reset",
		Attrs: map[string]string{"by": by, "open": strconv.Itoa(c.n), "stream": "true"},
	})
}

// close gives the calls that the connection's end leaves unanswered.
func (m *multiplex) close() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	var open []int
	for _, c := range m.calls {
		m.tell(c)
		open = append(open, c.n)
	}
	slices.Sort(open)
	return open
}
