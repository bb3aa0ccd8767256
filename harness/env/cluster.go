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
	up     bool              // once everything but the callers is
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
			closing, cancel := Closing(ctx)
			defer cancel()
			err = errors.Join(err, c.Close(closing))
		}
	}()
	if c.places, err = host.Prepare(ctx); err != nil {
		return nil, err
	}
	c.announce()
	for _, l := range cfg.Plan.Links {
		addr, err := host.Links().Open(ctx, link.Config{
			Name: l.Name, Listen: c.listen(l), Upstream: c.upstream(l), Door: cfg.Plan.HasDoor(l), IDs: cfg.Plan.IDs(l),
		})
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
		if !c.isLoad(s) {
			all.Go(func() error { return app.start(ctx) })
		}
	}
	if err = all.Wait(); err != nil {
		return nil, err
	}
	if err = c.stillUp(); err != nil {
		return nil, err
	}
	c.up = true
	return c, nil
}

// stillUp tells of a part that ended after it was ready, before anything was to end.
func (c *cluster) stillUp() error {
	for _, s := range c.cfg.Plan.Scenario.Services {
		for _, name := range []string{history.Sidecar, history.App} {
			if err := c.part(s.Name, name).ended(0, errGone); err != nil {
				return err
			}
		}
	}
	return nil
}

// Closing is how long cleaning up may take, whatever ended the run: half a minute on a busy machine, and less than ten
// seconds where somebody waits who has interrupted it.
func Closing(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := 30 * time.Second
	if ctx.Err() != nil {
		patience = 7 * time.Second // what was being made may have taken two
	}
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

// Load starts the callers.
func (c *cluster) Load(ctx context.Context) error {
	if err := c.stillUp(); err != nil {
		return err
	}
	counting, enough := context.WithCancel(context.WithoutCancel(ctx))
	c.enough = enough
	var all errgroup.Group
	for _, s := range c.cfg.Plan.Scenario.Services {
		if s.Sends != nil && c.cfg.Sidecar.Kind == scenario.Daprd {
			c.counting.Go(func() { c.count(counting, s.Name) })
		}
		if c.isLoad(s) {
			all.Go(func() error { return c.part(s.Name, history.App).start(ctx) })
		}
	}
	return all.Wait()
}

// isLoad tells whether a service sends by itself. One that is called as well only hands on what it gets: it must be
// up before.
func (c *cluster) isLoad(s scenario.Service) bool {
	return s.Sends != nil && !c.cfg.Plan.Scenario.Called(s.Name)
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
		if c.up {
			c.readAllMetrics(ctx)
		}
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
	if l.Hop == scenario.HopToApp {
		return c.appAt(l.To)
	}
	port := map[string]int{scenario.HopToSidecar: p.HTTP, scenario.HopToPeer: p.Internal}[l.Hop]
	return net.JoinHostPort(p.Host, strconv.Itoa(port))
}

// appAt is where a service's app listens.
func (c *cluster) appAt(service string) string {
	host := c.cfg.Plan.Scenario.Service(service).Host
	if host == "" {
		host = c.places[service].Host
	}
	return net.JoinHostPort(host, strconv.Itoa(c.places[service].App))
}

// until asks again and again until ok, at most for a time (0 for readyTimeout), and not once it is in vain.
func until(ctx context.Context, what string, within time.Duration, vain func() error, ok func(context.Context) error) error {
	if within == 0 {
		within = readyTimeout
	}
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := ok(ctx)
		if verr := vain(); verr != nil { // whoever answers is somebody else
			return verr
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if whole.Err() != nil {
				return whole.Err()
			}
			return fmt.Errorf("%s is not ready after %s: %w", what, within, err)
		case <-time.After(readyPause):
		}
	}
}

const (
	readyTimeout = 30 * time.Second
	readyPause   = 5 * time.Millisecond
)
