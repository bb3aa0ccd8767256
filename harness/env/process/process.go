// Package process runs a scenario as child processes of the harness, with its links in the harness itself: the
// environment for a machine without a container engine.
package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Start brings a scenario up in processes.
func Start(ctx context.Context, c env.Config) (env.Env, error) {
	return env.Bring(ctx, c, newHost(c))
}

// A host runs parts as child processes.
type host struct {
	cfg    env.Config
	links  *link.Set
	ground *ground

	mu       sync.Mutex
	children map[string]*child // service/part
}

func newHost(c env.Config) *host {
	return &host{cfg: c, links: link.New(link.OnRun(c.Record)), children: map[string]*child{}}
}

// Prepare takes an address of its own and gives each service its ports on it.
func (h *host) Prepare(context.Context) (map[string]env.Place, error) {
	g, err := takeGround(h.cfg.Run)
	if err != nil {
		return nil, fmt.Errorf("prepare processes: %w", err)
	}
	h.ground = g
	places, apps := map[string]env.Place{}, map[string]int{}
	given := map[string]map[int]bool{} // ports by host
	// The apps come first: their ports are somebody's wish, those of the sidecars are nobody's.
	for _, s := range h.cfg.Plan.Scenario.Services {
		if len(s.Image) > 0 {
			return nil, fmt.Errorf("service %s: an image needs the container environment: %w", s.Name, errors.ErrUnsupported)
		}
		if apps[s.Name], err = appPort(g, s, given); err != nil {
			return nil, fmt.Errorf("prepare processes: %w", err)
		}
	}
	for _, s := range h.cfg.Plan.Scenario.Services {
		p := env.Place{Bind: g.address, Host: g.address, App: apps[s.Name]}
		for _, port := range []struct {
			to   *int
			want int
		}{{&p.HTTP, 3500}, {&p.Internal, 50002}, {&p.GRPC, 50001}, {&p.Metrics, 9090}} {
			if *port.to, err = g.port(port.want); err != nil {
				return nil, fmt.Errorf("prepare processes: %w", err)
			}
		}
		if err := allFree(s, p); err != nil {
			return nil, fmt.Errorf("prepare processes: %w", err)
		}
		places[s.Name] = p
	}
	return places, nil
}

// appPort is where an app listens: at its own port on a host of its own, since it may not be told another there.
func appPort(g *ground, s scenario.Service, given map[string]map[int]bool) (int, error) {
	if s.Host == "" {
		return g.port(s.Port)
	}
	if given[s.Host] == nil {
		given[s.Host] = map[int]bool{}
	}
	return (&ground{own: true, given: given[s.Host]}).port(s.Port)
}

// allFree tells which port that a service's parts are to listen on somebody else has. It is asked before anything is
// started, since what is started at the same moment may hold the asking socket for a while.
func allFree(s scenario.Service, p env.Place) error {
	for _, port := range []struct {
		part, what, host string
		port             int
	}{
		{history.App, "its port", cmp.Or(s.Host, p.Host), p.App},
		{history.Sidecar, "HTTP", p.Host, p.HTTP},
		{history.Sidecar, "internal gRPC", p.Host, p.Internal},
		{history.Sidecar, "gRPC", p.Host, p.GRPC},
		{history.Sidecar, "metrics", p.Host, p.Metrics},
	} {
		if port.port == 0 {
			continue
		}
		if err := free(port.host, port.port); err != nil {
			hint := "end the program that listens there"
			if port.part == history.App {
				hint += ", or give the service another `port:`"
			}
			return fmt.Errorf("%s/%s can't have port %d (%s): %w (hint: %s)", s.Name, port.part, port.port, port.what, err, hint)
		}
	}
	return nil
}

// Links are in this process.
func (h *host) Links() link.Control { return link.Local{Set: h.links} }

// Listen puts a tap that an app dials on localhost, since many clients know no other host, and the rest on the
// run's own address.
func (h *host) Listen(l scenario.Link) string {
	if l.Hop == scenario.HopToSidecar {
		return "127.0.0.1:0"
	}
	return net.JoinHostPort(h.ground.address, "0")
}

// Reach is where the tap listens.
func (h *host) Reach(_ scenario.Link, addr string) string { return addr }

// Start starts a part as a child.
func (h *host) Start(ctx context.Context, p env.Part) error {
	name := p.Service + "/" + p.Part
	c, err := spawn(h.cfg, p, filepath.Join(h.cfg.Dir, "files", p.Service, p.Part))
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.children[name] = c
	h.mu.Unlock()
	return nil
}

// Signal ends, pauses or continues a part.
func (h *host) Signal(ctx context.Context, p env.Part, s env.Signal) error {
	h.mu.Lock()
	c := h.children[p.Service+"/"+p.Part]
	h.mu.Unlock()
	if c == nil {
		return fmt.Errorf("%s %s/%s: it was never started", s, p.Service, p.Part)
	}
	return c.signal(ctx, s)
}

// Close kills all children at once: what they would still say is of no use.
func (h *host) Close(ctx context.Context) error {
	h.mu.Lock()
	children := make([]*child, 0, len(h.children))
	for _, c := range h.children {
		children = append(children, c)
	}
	h.mu.Unlock()
	var all sync.WaitGroup
	for _, c := range children {
		all.Go(c.kill)
	}
	all.Wait()
	err := h.links.Close()
	if h.ground != nil {
		h.ground.release()
	}
	return err
}

var _ env.Host = (*host)(nil)

// exited is the event of a child's end.
func exited(p env.Part, how, wanted string) history.Event {
	return history.Event{
		Source: history.Runner, Kind: history.KindExit, Service: p.Service, Part: p.Part,
		Text: how, Attrs: map[string]string{"wanted": wanted},
	}
}
