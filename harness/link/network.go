package link

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	direction "github.com/Shopify/toxiproxy/v2/stream"
)

// A Network is the ground that links stand on, where it isn't the machine's own.
type Network interface {
	Listen(addr string) (net.Listener, error)
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
}

// inside runs Toxiproxy's links on connections of a network of ours: Toxiproxy's own listener knows only TCP.
type inside struct {
	net   Network
	proxy *toxiproxy.Proxy
	srv   *toxiproxy.ApiServer
	last  atomic.Uint64
	turn  turn
}

// dial gives the client's end of a connection through Toxiproxy's toxics. As its proxy does, it accepts first: a
// client of a dead upstream is connected, and then finds its end.
func (i *inside) dial() (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		up, err := i.net.Dial(context.Background(), "tcp", i.proxy.Upstream)
		if err != nil {
			far.Close()
			return
		}
		defer i.turn.take()()
		name := strconv.FormatUint(i.last.Add(1), 10)
		i.proxy.Toxics.StartLink(i.srv, name+"upstream", far, patient{up}, direction.Upstream)
		i.proxy.Toxics.StartLink(i.srv, name+"downstream", up, patient{far}, direction.Downstream)
	}()
	return near, nil
}

// patient takes what nobody reads any more. Where a write fails, Toxiproxy stops taking from its toxics and leaves
// the last of them blocked with a chunk in its hand for ever, which a bubble does not forgive. Its link ends all the
// same, since the other direction closes what this one reads from.
type patient struct{ net.Conn }

func (p patient) Write(b []byte) (int, error) {
	p.Conn.Write(b)
	return len(b), nil
}
