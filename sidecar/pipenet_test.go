package sidecar_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"syscall"
)

// A pipeNet is a network without sockets: every wait on it is one that a synctest bubble sees.
type pipeNet struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
}

func newPipeNet() *pipeNet { return &pipeNet{listeners: map[string]*pipeListener{}} }

func (n *pipeNet) Listen(_ context.Context, addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: pipeAddr(addr), Err: syscall.EADDRINUSE}
	}
	l := &pipeListener{net: n, addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

func (n *pipeNet) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, refused(addr)
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, refused(addr)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func refused(addr string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: pipeAddr(addr), Err: syscall.ECONNREFUSED}
}

type pipeAddr string

func (pipeAddr) Network() string  { return "tcp" }
func (a pipeAddr) String() string { return string(a) }

type pipeListener struct {
	net   *pipeNet
	addr  string
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		delete(l.net.listeners, l.addr)
	})
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr(l.addr) }

// A pipeLink is the way from one sidecar to another, with a tap and with faults.
//
//	caller's sidecar ─▶ tap ─▶ refuse? ─▶ swallow? ─▶ callee's sidecar
type pipeLink struct {
	net     *pipeNet
	addr    string // the callee's; other addresses pass untouched
	attempt func() // told of each request head, and of each dial that is refused

	mu      sync.Mutex
	refuse  bool
	swallow bool // takes connections and bytes, and gives nothing on
	conns   []net.Conn
}

func (l *pipeLink) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if addr != l.addr {
		return l.net.Dial(ctx, network, addr)
	}
	l.mu.Lock()
	refuse := l.refuse
	l.mu.Unlock()
	err := refused(addr)
	var c net.Conn
	if !refuse {
		c, err = l.net.Dial(ctx, network, addr)
	}
	if err != nil {
		l.attempt()
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
	return &tapped{Conn: c, link: l}, nil
}

func (l *pipeLink) swallows() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.swallow
}

// set changes the faults. As with a `timeout` toxic, the end of swallowing closes the connections that had it; so
// does the start of refusing.
func (l *pipeLink) set(refuse, swallow bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.swallow && !swallow || refuse {
		for _, c := range l.conns {
			c.Close()
		}
		l.conns = nil
	}
	l.refuse, l.swallow = refuse, swallow
}

// A tapped connection is the caller's end.
type tapped struct {
	net.Conn
	link *pipeLink
}

func (t *tapped) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte("POST ")) {
		t.link.attempt()
	}
	if t.link.swallows() {
		return len(b), nil
	}
	return t.Conn.Write(b)
}

func (t *tapped) Read(b []byte) (int, error) {
	for {
		n, err := t.Conn.Read(b)
		if err != nil || !t.link.swallows() {
			return n, err
		}
	}
}
