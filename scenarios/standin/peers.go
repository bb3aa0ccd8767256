package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/halfopen/halfopen/sidecar/policy"
)

// peers keeps a gRPC connection to each address, as daprd does: once it breaks, it is dialled again with gRPC's own
// back-off (1 s, ×1.6, at most 120 s), and calls in between fail without touching the network.
//
// https://github.com/dapr/dapr/blob/v1.14.0/pkg/api/grpc/manager/manager.go
type peers struct {
	mu    sync.Mutex
	conns map[string]*grpc.ClientConn
}

func (p *peers) to(address string) (*grpc.ClientConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	address = dialled(address)
	if c := p.conns[address]; c != nil {
		return c, nil
	}
	const ping, pong = 10 * time.Second, 5 * time.Second
	c, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingPolicy":"round_robin"}`),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: ping, Timeout: pong, PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(plain{})),
		grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: redial, MinConnectTimeout: minConnect}),
	)
	if err != nil {
		return nil, err
	}
	if p.conns == nil {
		p.conns = map[string]*grpc.ClientConn{}
	}
	p.conns[address] = c
	return c, nil
}

// dialled is an address as gRPC dials it, without asking DNS.
func dialled(address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	return "passthrough:///" + address
}

// redial is gRPC's own, but for its jitter of a fifth: so a test knows what comes.
var redial = backoff.Config{BaseDelay: time.Second, Multiplier: 1.6, MaxDelay: 120 * time.Second}

// minConnect is how long gRPC gives a dial at least.
const minConnect = 20 * time.Second

// destroy ends a connection, so that the next attempt makes a new one: daprd's built-in retries do that.
func (p *peers) destroy(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	address = dialled(address)
	if c := p.conns[address]; c != nil {
		c.Close()
		delete(p.conns, address)
	}
}

// resolve gives the address of another app's daprd.
func (d *daprd) resolve(ctx context.Context, app string) (string, error) {
	if d.format != "" {
		return strings.ReplaceAll(d.format, "{appid}", app), nil
	}
	return d.others.find(ctx, app)
}

const callLocal = "/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream"

// send is one attempt: it is counted, whether it crosses the network or not.
func (d *daprd) send(ctx context.Context, app string, builtin bool, r request) (response, error) {
	address, err := d.resolve(ctx, app)
	if err != nil {
		return response{}, fmt.Errorf("%w%w", silent{policy.ErrUnreachable}, err)
	}
	conn, err := d.peers.to(address)
	if err != nil {
		return response{}, err
	}
	d.metrics.sent(app)
	b, err := exchange(traced(ctx, r.trace), conn, r.marshal())
	if code := status.Code(err); builtin && (code == codes.Unavailable || code == codes.Unauthenticated) {
		d.peers.destroy(address)
		return response{}, fmt.Errorf("%w%w", silent{policy.ErrUnreachable}, err)
	}
	if err != nil {
		return response{}, err
	}
	out, err := unmarshalResponse(b)
	if err == nil {
		d.metrics.received(app, out.status)
	}
	return out, err
}

// silent is an error that can be found, but says nothing.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

// exchange sends one message and takes the answer, however many messages it is in.
func exchange(ctx context.Context, conn *grpc.ClientConn, m []byte) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, callLocal)
	if err != nil {
		return nil, err
	}
	if err := s.SendMsg(&m); err != nil && !errors.Is(err, io.EOF) { // at EOF the answer says why
		return nil, err
	}
	if err := s.CloseSend(); err != nil {
		return nil, err
	}
	var all []byte
	for {
		var b []byte
		err := s.RecvMsg(&b)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, b...) // messages, one after the other, are a message
	}
}
