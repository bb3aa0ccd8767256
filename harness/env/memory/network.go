package memory

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

// A network joins the hosts of one run by pipes. Whoever dials where nobody listens is refused at once.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener // by host:port
	free      int                  // the next port that is given out
}

func newNetwork() *network { return &network{listeners: map[string]*listener{}, free: firstFree} }

// firstFree is the first port that is given out for port 0.
const firstFree = 40000

// Listen takes an address; port 0 takes a free one.
func (n *network) Listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if port == "0" {
		port = strconv.Itoa(n.free)
		n.free++
	}
	addr = net.JoinHostPort(host, port)
	if n.listeners[addr] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: address(addr), Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	l := &listener{network: n, addr: address(addr), incoming: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

// patience is how often others get their turn before a connection is refused. No time passes meanwhile.
const patience = 100

func (n *network) listener(addr string) *listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.listeners[addr]
}

// Dial connects to whoever listens.
func (n *network) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	l := n.listener(addr)
	for range patience { // a part that starts at this very instant may not have had its turn yet
		if l != nil {
			break
		}
		runtime.Gosched()
		l = n.listener(addr)
	}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: address(addr), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	if l == nil {
		return nil, refused
	}
	near, far := net.Pipe()
	select {
	case l.incoming <- named{far, l.addr}:
		return named{near, l.addr}, nil
	case <-l.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A listener takes what is dialled at its address.
type listener struct {
	network  *network
	addr     address
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		delete(l.network.listeners, string(l.addr))
		l.network.mu.Unlock()
	})
	return nil
}

func (l *listener) Addr() net.Addr { return l.addr }

// An address is a host and a port.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// named is a pipe that knows where it leads: HTTP servers want to know.
type named struct {
	net.Conn
	addr address
}

func (n named) LocalAddr() net.Addr  { return n.addr }
func (n named) RemoteAddr() net.Addr { return n.addr }

// A door is one part's way into the network, and can be shut: what a dead process has open is closed by its system.
type door struct {
	network *network

	mu   sync.Mutex
	shut bool
	open map[interface{ Close() error }]struct{}
}

func newDoor(n *network) *door {
	return &door{network: n, open: map[interface{ Close() error }]struct{}{}}
}

// keep remembers something that is open; it closes it where the door is shut already.
func (d *door) keep(c interface{ Close() error }) error {
	d.mu.Lock()
	shut := d.shut
	if !shut {
		d.open[c] = struct{}{}
	}
	d.mu.Unlock()
	if shut {
		c.Close() // which makes the door forget it
		return fmt.Errorf("the process is gone: %w", net.ErrClosed)
	}
	return nil
}

func (d *door) forget(c interface{ Close() error }) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, c)
}

// close shuts the door for good.
func (d *door) close() {
	d.mu.Lock()
	d.shut = true
	open := d.open
	d.open = nil
	d.mu.Unlock()
	for c := range open {
		c.Close()
	}
}

func (d *door) Listen(_ context.Context, addr string) (net.Listener, error) {
	l, err := d.network.Listen(addr)
	if err != nil {
		return nil, err
	}
	kept := &keptListener{l, d}
	return kept, d.keep(kept)
}

func (d *door) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := d.network.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	kept := &keptConn{c, d}
	return kept, d.keep(kept)
}

type keptListener struct {
	net.Listener
	door *door
}

func (l *keptListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	kept := &keptConn{c, l.door}
	return kept, l.door.keep(kept)
}

func (l *keptListener) Close() error {
	l.door.forget(l)
	return l.Listener.Close()
}

type keptConn struct {
	net.Conn
	door *door
}

func (c *keptConn) Close() error {
	c.door.forget(c)
	return c.Conn.Close()
}
