package link

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
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

	mu  sync.Mutex
	by  string // who ended it: client, upstream or tap; the first one counts
	why string // eof, reset, refused, cut, teardown
}

// run forwards until both sides have ended.
func (c *conn) run() {
	started := time.Now()
	c.tap.event(started, history.Event{Kind: history.KindAccept, Conn: c.id})
	read := newReader(c)
	defer func() {
		c.client.Close()
		open := read.close()
		c.mu.Lock()
		e := history.Event{Kind: history.KindClose, Conn: c.id, Text: c.why, Attrs: map[string]string{"by": c.by}}
		c.mu.Unlock()
		if open > 0 {
			e.Attrs["open"] = strconv.Itoa(open)
		}
		c.tap.event(time.Now(), e)
	}()

	if c.tap.refusing.Load() > 0 {
		c.ended("tap", "refused")
		c.readHead(read)
		c.reset()
		return
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
		defer close(requests)
		err := copyTee(c.upstream, c.client, read.request)
		if errors.Is(err, errWrite) {
			// The upstream is gone, its own end says how; what the client has still sent is evidence.
			c.drainHead(read)
			return
		}
		c.ended("client", why(err))
		c.pass(c.upstream, err)
	}()
	err := copyTee(c.client, c.upstream, read.response)
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
	for !read.sawHead() {
		n, err := c.client.Read(buf)
		if n > 0 {
			read.request(buf[:n])
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
		c.by, c.why = by, why
	}
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

// copyTee shows each chunk to tee before it passes it on, so that the evidence is never later than its effect.
// It gives nil at EOF, the reader's error, or errWrite.
func copyTee(to io.Writer, from io.Reader, tee func([]byte)) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			tee(buf[:n])
			if _, werr := to.Write(buf[:n]); werr != nil {
				return errWrite
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
