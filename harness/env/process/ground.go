package process

import (
	"fmt"
	"hash/fnv"
	"net"
	"strconv"
)

// A ground is an address that belongs to one run on this machine, and the ports given out on it.
type ground struct {
	address string
	lease   net.Listener // held for as long as the run lasts: it keeps others off the address
	own     bool         // the whole address is ours: any port may be given out
	given   map[int]bool
}

// leasePort is where the holder of an address listens to hold it.
const leasePort = 29999

// takeGround takes an address in 127.0.0.0/8 that no other run holds. Where the system knows only 127.0.0.1
// (macOS), it is shared and every port is a free one that the system names.
func takeGround(run string) (*ground, error) {
	sum := fnv.New32a()
	sum.Write([]byte(run))
	n := sum.Sum32()
	const tries = 64
	for range tries {
		address := fmt.Sprintf("127.%d.%d.%d", 16+n%200, n/200%254+1, n/50800%254+1)
		n = n*16777619 + 1
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(leasePort)))
		if err == nil {
			return &ground{address: address, lease: l, own: true, given: map[int]bool{leasePort: true}}, nil
		}
	}
	return &ground{address: "127.0.0.1", given: map[int]bool{}}, nil
}

// port gives out want, or the next one above it that is not given on an address of our own; on a shared address any
// free one.
func (g *ground) port(want int) (int, error) {
	if want == 0 {
		return 0, nil // the service listens nowhere
	}
	if g.own {
		for ; g.given[want]; want++ {
		}
		g.given[want] = true
		return want, nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(g.address, "0"))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// free finds out that nobody listens on a port of an address: whoever listens on it at all addresses would answer in a
// part's place.
func free(address string, port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}

func (g *ground) release() {
	if g.lease != nil {
		g.lease.Close()
	}
}
