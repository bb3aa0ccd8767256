package link

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// headGrace is how long a tap keeps a fresh connection open to read the request head that its client is about
// to send, where the upstream is already gone. A client that connects sends at once; without the grace the
// attempt would be known, but not whose it was.
const headGrace = 250 * time.Millisecond

// A conn is one client's connection through a tap.
type conn struct {
	tap      *tap
	id       uint64
	client   net.Conn
	upstream net.Conn // nil until dialled

	gone chan struct{} // closed when the client's side has ended
	told atomic.Int64  // when the upstream was last heard, nanoseconds since started
	held atomic.Int64  // until when the next answer is held back, nanoseconds since started

	started time.Time
	mu      sync.Mutex
	by      string        // who ended it: client, upstream or tap; the first one counts
	why     string        // eof, reset, refused, cut, teardown
	since   time.Duration // when that was, since started
}

// run forwards until both sides have ended.
func (c *conn) run() {
	c.started, c.gone = time.Now(), make(chan struct{})
	c.tap.event(c.started, history.Event{Kind: history.KindAccept, Conn: c.id})
	read := newReader(c)
	defer func() {
		c.client.Close()
		at := c.over()
		open := read.close()
		c.mu.Lock()
		e := history.Event{Kind: history.KindClose, Conn: c.id, Text: c.why, Attrs: map[string]string{"by": c.by}}
		c.mu.Unlock()
		for _, n := range open { // each is told of in an event of its own
			one := e
			one.Attrs = map[string]string{"by": e.Attrs["by"], "open": strconv.Itoa(n)}
			c.tap.event(at, one)
		}
		if len(open) == 0 {
			c.tap.event(at, e)
		}
	}()

	if c.tap.refusing.Load() > 0 {
		c.ended("tap", "refused")
		c.readHead(read)
		c.reset()
		return
	}
	if resets := c.tap.resets.all(); len(resets) > 0 {
		if resets[0].Delay == 0 {
			c.ended("tap", "reset")
			c.readHead(read)
			c.reset()
			return
		}
		soon := time.AfterFunc(resets[0].Delay, func() {
			c.ended("tap", "reset")
			c.reset()
		})
		defer soon.Stop()
	}
	up, err := c.tap.dial()
	if err != nil {
		c.ended("upstream", "refused")
		c.readHead(read)
		c.reset()
		return
	}
	c.mu.Lock()
	c.upstream = up
	c.mu.Unlock()
	c.forward(read)
}

// forward copies both ways. A side that ends is told to the other as it ended: with FIN or with a reset.
func (c *conn) forward(read *reader) {
	defer c.upstream.Close()
	var both sync.WaitGroup
	both.Add(1)
	requests := make(chan struct{}) // closed when the client has sent its last byte
	go func() {
		defer both.Done()
		defer close(c.gone)
		defer close(requests)
		err := c.requestsTo(read)
		if errors.Is(err, errWrite) {
			// The upstream is gone, its own end says how; what the client has still sent is evidence.
			c.drainHead(read)
			return
		}
		c.ended("client", why(err))
		c.pass(c.upstream, err)
	}()
	err := c.copyTee(c.client, c.upstream, c.answerTee(read), false)
	if errors.Is(err, errWrite) {
		err = nil // the client is gone, and its own end says how
	} else {
		c.ended("upstream", why(err))
	}
	if !read.sawHead() {
		select {
		case <-requests:
		case <-read.head:
		case <-time.After(headGrace):
		}
	}
	c.pass(c.client, err)
	c.client.SetReadDeadline(time.Now().Add(headGrace))
	if isReset(err) || c.isClosed() {
		c.client.Close()
	}
	both.Wait()
}

// isClosed tells whether somebody has ended the connection from outside (refuse, teardown).
func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by == "tap"
}

// readHead takes what the client sends first, for as long as the grace lasts, without an upstream.
func (c *conn) readHead(read *reader) {
	c.client.SetReadDeadline(time.Now().Add(headGrace))
	c.drainHead(read)
}

func (c *conn) drainHead(read *reader) {
	buf := make([]byte, 4<<10)
	var head []byte
	for !read.sawHead() {
		n, err := c.client.Read(buf)
		if n > 0 {
			read.request(buf[:n])
			if head = append(head, buf[:n]...); bytes.Contains(head, []byte("\r\n\r\n")) {
				select { // it is there: the parser needs a moment, and no more bytes
				case <-read.head:
				case <-time.After(headGrace):
				}
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// ended notes who ended the connection, and how; only the first one counts.
func (c *conn) ended(by, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == "" {
		c.by, c.why, c.since = by, why, time.Since(c.started)
	}
}

// over is when the connection has ended. A client that has closed it is gone, though what a slow link still holds keeps the
// upstream's side open; one that has only said its last is heard out.
func (c *conn) over() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == "client" && time.Duration(c.told.Load()) < c.since {
		return c.started.Add(c.since)
	}
	return time.Now()
}

// reset closes both sides with a reset.
func (c *conn) reset() {
	c.mu.Lock()
	up := c.upstream
	c.mu.Unlock()
	for _, side := range []net.Conn{c.client, up} {
		if side != nil {
			linger(side)
			side.Close()
		}
	}
}

// pass tells one side how the other ended.
func (c *conn) pass(to net.Conn, err error) {
	if isReset(err) {
		linger(to)
		to.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		return
	}
	to.Close()
}

// linger makes the next close of a TCP connection a reset.
func linger(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}

func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

func why(err error) string {
	if isReset(err) {
		return "reset"
	}
	return "eof"
}

// errWrite marks an error of the writing side.
var errWrite = errors.New("write")

// requestsTo passes on what the client sends: as it comes, or request by request where the link is an app's door.
func (c *conn) requestsTo(read *reader) error {
	if c.tap.door {
		return c.requests(read)
	}
	return c.copyTee(c.upstream, c.client, read.request, true)
}

// answerTee shows the tap's parser what the upstream answers, when it is let through.
func (c *conn) answerTee(read *reader) func([]byte) {
	if !c.tap.door {
		return read.response
	}
	return func(b []byte) {
		if wait := time.Duration(c.held.Load()) - time.Since(c.started); wait > 0 {
			c.sleepUnless(wait)
		}
		read.response(b)
	}
}

// answer writes what the tap itself answers.
func (c *conn) answer(read *reader, b []byte) error {
	read.response(b)
	_, err := c.client.Write(b)
	return err
}

// copyTee shows each chunk to tee before it passes it on, so that the evidence is never later than its effect.
// It gives nil at EOF, the reader's error, or errWrite.
func (c *conn) copyTee(to io.Writer, from io.Reader, tee func([]byte), up bool) error {
	buf := make([]byte, 32<<10)
	crossed := int64(0)
	for {
		n, err := from.Read(buf)
		sent := n // evidence, whatever becomes of it: Toxiproxy's own limit stands behind the tap
		if left := c.tap.left(up, crossed); left >= 0 && int64(n) >= left {
			n = int(left)
			err = errLimit
		}
		if !up {
			sent = n
		}
		passed := !up && n > 0 && c.silent()
		if passed && !c.hears(buf[:n]) {
			return errWrite
		}
		if !up && n > 0 {
			c.told.Store(int64(time.Since(c.started)))
		}
		if sent > 0 {
			tee(buf[:sent])
		}
		if crossed += int64(n); n > 0 && !passed {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return errWrite
			}
		}
		switch {
		case errors.Is(err, errLimit):
			c.ended("tap", "reset")
			c.reset()
			return nil
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// silent tells whether the client has said its last.
func (c *conn) silent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by == "client"
}

// hears writes to a client that has said its last. One that has closed its connection hears nothing any more, and what comes
// too late for it is no answer; but only its system's reset tells it from one that still listens.
func (c *conn) hears(b []byte) bool {
	if _, err := c.client.Write(b); err != nil {
		return false
	}
	raw, ok := c.client.(syscall.Conn)
	if !ok {
		return true
	}
	for range resetTries {
		if broken(raw) {
			return false
		}
		time.Sleep(resetPause)
	}
	return true
}

// broken tells whether a reset has come. Reading does not tell: after the peer's last byte it gives io.EOF for ever.
func broken(c syscall.Conn) (is bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Control(func(fd uintptr) {
		code, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
		is = err != nil || code != 0
	})
	return is || err != nil
}

// resetTries and resetPause are how long a reset may take to come.
const (
	resetTries = 10
	resetPause = time.Millisecond
)

// errLimit says that no more may cross.
var errLimit = errors.New("limit")
