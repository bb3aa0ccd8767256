package env

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A cluster is a scenario brought up on a host.
type cluster struct {
	cfg    Config
	host   Host
	places map[string]Place
	taps   map[string]string // link name → the address that its client dials
	parts  map[string]*part  // service/part
	closed sync.Once
	err    error

	counting sync.WaitGroup
	enough   context.CancelFunc // ends the counting
}

// Bring brings everything up on host but the callers: links first, then each sidecar and each app that is
// called, all at once; each is probed directly until it is ready, and each sidecar must prove its policies.
// Where it fails, everything is closed again.
func Bring(ctx context.Context, cfg Config, host Host) (_ Env, err error) {
	c := &cluster{cfg: cfg, host: host, taps: map[string]string{}, parts: map[string]*part{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
	}()
	if c.places, err = host.Prepare(ctx); err != nil {
		return nil, err
	}
	for _, l := range cfg.Plan.Links {
		addr, err := host.Links().Open(ctx, link.Config{Name: l.Name, Listen: host.Listen(l), Upstream: c.upstream(l), Door: cfg.Plan.HasDoor(l)})
		if err != nil {
			return nil, err
		}
		c.taps[l.Name] = host.Reach(l, addr)
	}
	var all errgroup.Group
	for _, s := range cfg.Plan.Scenario.Services {
		c.parts[key(s.Name, history.Sidecar)] = &part{cluster: c, Part: c.sidecar(s)}
		c.parts[key(s.Name, history.App)] = &part{cluster: c, Part: c.app(s)}
	}
	for _, s := range cfg.Plan.Scenario.Services {
		sidecar, app := c.part(s.Name, history.Sidecar), c.part(s.Name, history.App)
		all.Go(func() error {
			if err := sidecar.start(ctx); err != nil {
				return err
			}
			return c.provePolicies(ctx, s.Name)
		})
		if s.Sends == nil {
			all.Go(func() error { return app.start(ctx) })
		}
	}
	if err = all.Wait(); err != nil {
		return nil, err
	}
	return c, nil
}

// Load starts the callers.
func (c *cluster) Load(ctx context.Context) error {
	counting, enough := context.WithCancel(context.WithoutCancel(ctx))
	c.enough = enough
	var all errgroup.Group
	for _, s := range c.cfg.Plan.Scenario.Callers() {
		if c.cfg.Sidecar.Kind == scenario.Daprd {
			c.counting.Go(func() { c.count(counting, s.Name) })
		}
		all.Go(func() error { return c.part(s.Name, history.App).start(ctx) })
	}
	return all.Wait()
}

// Send puts one order of the harness's own into a link.
func (c *cluster) Send(ctx context.Context, r link.Request) error {
	return c.host.Links().Send(ctx, r)
}

// Apply breaks one thing: a fault on a link is the links' to do, the others end or pause parts.
func (c *cluster) Apply(ctx context.Context, f scenario.Fault) (func(context.Context) error, error) {
	if f.Link != "" {
		if err := c.host.Links().Apply(ctx, f); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return c.host.Links().Heal(ctx, f.Name) }, nil
	}
	switch f.Kind {
	case scenario.Stop, scenario.Restart:
		return c.end(ctx, f, Term)
	case scenario.Kill:
		return c.end(ctx, f, Kill)
	case scenario.Pause:
		return c.pause(ctx, f)
	}
	return nil, fmt.Errorf("apply %s: a service can't be broken by %s: %w", f.Name, f.Kind, errors.ErrUnsupported)
}

// Close ends everything, once.
func (c *cluster) Close(ctx context.Context) error {
	c.closed.Do(func() {
		if c.enough != nil {
			c.enough()
			c.counting.Wait()
		}
		c.err = c.host.Close(ctx)
	})
	return c.err
}

func (c *cluster) part(service, name string) *part { return c.parts[key(service, name)] }

func key(service, part string) string { return service + "/" + part }

// upstream is where a link's Toxiproxy dials.
func (c *cluster) upstream(l scenario.Link) string {
	p := c.places[l.To]
	port := map[string]int{scenario.HopToSidecar: p.HTTP, scenario.HopToPeer: p.Internal, scenario.HopToApp: p.App}[l.Hop]
	return net.JoinHostPort(p.Host, strconv.Itoa(port))
}

// until asks again and again until ok, at most for readyTimeout, and not once it is in vain.
func until(ctx context.Context, what string, vain func() error, ok func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := ok(ctx)
		if err == nil {
			return nil
		}
		if verr := vain(); verr != nil {
			return verr
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not ready: %w", what, err)
		case <-time.After(readyPause):
		}
	}
}

const (
	readyTimeout = 30 * time.Second
	readyPause   = 5 * time.Millisecond
)
