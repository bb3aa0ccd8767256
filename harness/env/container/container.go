// Package container runs a scenario in containers, a pod a service, with its links in a container of their own:
// the environment nearest to production.
//
//	pod order-processor                        links
//	┌──────────────────────────────┐           ┌──────────────────────┐
//	│ holder (owns the network,    │ ◀──────── │ tap ─▶ Toxiproxy ─▶  │ ◀── checkout's sidecar
//	│ never stops)  app   sidecar  │           └──────────────────────┘
//	└──────────────────────────────┘
//
// A stopped container gives its address back, and dialling it hangs or reaches the next container that gets it.
// With a holder a stopped target refuses at once and keeps its address, as in Kubernetes.
package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sync/errgroup"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Start brings a scenario up in containers.
func Start(ctx context.Context, c env.Config) (env.Env, error) {
	engine, err := Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := engine.Clean(ctx, false); err != nil { // what a run that was killed has left
		return nil, errors.Join(err, engine.Close())
	}
	image, err := engine.Image(ctx, c.Binary)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	if c.Sidecar.Kind == scenario.Daprd && c.Sidecar.Image == "" {
		if c.Sidecar.Image, err = engine.Daprd(ctx, c.Sidecar.Binary); err != nil {
			return nil, errors.Join(err, engine.Close())
		}
	}
	dog, err := startWatchdog(c)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	h := newHost(c, engine, image)
	h.watchdog = dog
	return env.Bring(ctx, c, h)
}

// A host runs parts in pods.
type host struct {
	cfg      env.Config
	engine   *Engine
	image    string
	labels   map[string]string
	watchdog *watchdog

	network   *testcontainers.DockerNetwork
	linkIP    string
	links     *link.Client
	offset    time.Duration // how far the engine's clock is ahead of ours
	following sync.WaitGroup
	unfollow  context.CancelFunc // gives up on the events of the links

	mu       sync.Mutex
	cutOff   bool              // a call that makes something was given up on: the engine may still carry it out
	holders  map[string]string // service → id
	parts    map[string]*pod   // service/part
	sidecars map[string]string // service → the tap in front of its sidecar
}

func newHost(c env.Config, e *Engine, image string) *host {
	return &host{
		cfg: c, engine: e, image: image, labels: labels(c.Run),
		holders: map[string]string{}, parts: map[string]*pod{}, sidecars: map[string]string{},
	}
}

// linkControl is where the links' container answers the harness.
const linkControl = 9900

// Prepare makes the network, the links' container and a holder for each service, all at once, and reads the
// engine's clock.
func (h *host) Prepare(ctx context.Context) (map[string]env.Place, error) {
	var err error
	err = h.make(ctx, func(ctx context.Context) error {
		h.network, err = h.newNetwork(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make the network: %w", err)
	}
	places := map[string]env.Place{}
	var mu sync.Mutex
	var all errgroup.Group
	all.Go(func() error { return h.startLinks(ctx) })
	for _, s := range h.cfg.Plan.Scenario.Services {
		all.Go(func() error {
			id, ip, err := h.startHolder(ctx, s.Name)
			if err != nil {
				return fmt.Errorf("start the holder of %s: %w", s.Name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			h.holders[s.Name] = id
			places[s.Name] = ports(ip, s.Port)
			return nil
		})
	}
	return places, all.Wait()
}

// ports are Dapr's own, moved aside where the app listens on one of them.
func ports(ip string, app int) env.Place {
	taken := map[int]bool{app: true}
	next := func(port int) int {
		for ; taken[port]; port++ {
		}
		taken[port] = true
		return port
	}
	return env.Place{
		Bind: "0.0.0.0", Host: ip, App: app,
		HTTP: next(3500), GRPC: next(50001), Internal: next(50002), Metrics: next(9090),
	}
}

// startLinks starts the links' container and follows what its taps see.
func (h *host) startLinks(ctx context.Context) error {
	c, err := h.run(ctx, testcontainers.ContainerRequest{
		Name: h.name("links", ""), Image: h.image,
		Cmd:          []string{"link", "--control", ":" + strconv.Itoa(linkControl)},
		ExposedPorts: []string{strconv.Itoa(linkControl) + "/tcp"},
		Networks:     []string{h.network.Name},
	})
	if err != nil {
		return fmt.Errorf("start the links: %w", err)
	}
	if h.linkIP, err = c.ContainerIP(ctx); err != nil {
		return fmt.Errorf("start the links: %w", err)
	}
	base, err := c.Endpoint(ctx, "http")
	if err != nil {
		return fmt.Errorf("reach the links: %w", err)
	}
	links := &link.Client{Base: base, HTTP: &http.Client{Transport: &http.Transport{}}}
	var uncertainty time.Duration
	err = patiently(ctx, func() error {
		h.offset, uncertainty, err = links.Clock(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("reach the links at %s: %w", base, err)
	}
	h.cfg.Record.Record(history.Event{
		Source: history.Runner, Kind: history.KindClock, Text: history.Links,
		Attrs: map[string]string{
			"source":         history.Links,
			"offset_ns":      strconv.FormatInt(int64(h.offset), 10),
			"uncertainty_ns": strconv.FormatInt(int64(uncertainty), 10),
		},
	})
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.links, h.unfollow = links, cancel
	h.following.Go(func() { links.Follow(following, h.cfg.Record, h.offset) })
	return nil
}

// startHolder starts the container that owns a pod's network.
func (h *host) startHolder(ctx context.Context, service string) (id, ip string, err error) {
	c, err := h.run(ctx, testcontainers.ContainerRequest{
		Name: h.name(service, "holder"), Image: h.image, Cmd: []string{"hold"},
		Networks:       []string{h.network.Name},
		NetworkAliases: map[string][]string{h.network.Name: {service}},
	})
	if err != nil {
		return "", "", err
	}
	ip, err = c.ContainerIP(ctx)
	return c.GetContainerID(), ip, err
}

// run starts one container.
func (h *host) run(ctx context.Context, r testcontainers.ContainerRequest) (c *testcontainers.DockerContainer, err error) {
	r.Labels = maps.Clone(h.labels) // testcontainers-go writes into it
	err = h.make(ctx, func(ctx context.Context) error {
		c, err = testcontainers.Run(ctx, r.Image, request(r))
		return err
	})
	return c, err
}

// make makes something that bears the run's label. The engine carries out a call that is cut off all the same, and by
// then we may have looked for what is left: so a call that an interruption meets may go on for a while.
func (h *host) make(ctx context.Context, do func(context.Context) error) error {
	const patience = 2 * time.Second
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	calling, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-calling.Done():
		case <-time.After(patience):
			giveUp()
		}
	})
	defer stop()
	err := do(calling)
	if err != nil && calling.Err() != nil {
		h.mu.Lock()
		h.cutOff = true
		h.mu.Unlock()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// request makes a whole request of what Run takes as single options.
func request(r testcontainers.ContainerRequest) testcontainers.CustomizeRequestOption {
	return func(req *testcontainers.GenericContainerRequest) error {
		req.ContainerRequest = r
		req.Started = true
		return nil
	}
}

func (h *host) name(service, part string) string {
	name := h.cfg.Run + "-" + service
	if part != "" {
		name += "-" + part
	}
	return "halfopen-" + name
}

// Links are in their container.
func (h *host) Links() link.Control { return h.links }

// Listen takes any port of the links' container.
func (h *host) Listen(scenario.Link) string { return ":0" }

// Reach is the tap's port at the address of the links' container.
func (h *host) Reach(l scenario.Link, addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	at := net.JoinHostPort(h.linkIP, port)
	if l.Hop == scenario.HopToSidecar {
		h.sidecars[l.From] = at
	}
	return at
}

// Start starts a part in its service's pod: the first time a new container, later the same one again.
func (h *host) Start(ctx context.Context, p env.Part) error {
	h.mu.Lock()
	c := h.parts[p.Service+"/"+p.Part]
	h.mu.Unlock()
	if c != nil {
		return c.restart(ctx)
	}
	c, err := h.newPod(ctx, p)
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.parts[p.Service+"/"+p.Part] = c
	h.mu.Unlock()
	return nil
}

// Signal ends, pauses or continues a part.
func (h *host) Signal(ctx context.Context, p env.Part, s env.Signal) error {
	h.mu.Lock()
	c := h.parts[p.Service+"/"+p.Part]
	h.mu.Unlock()
	if c == nil {
		return fmt.Errorf("%s %s/%s: it was never started", s, p.Service, p.Part)
	}
	return c.signal(ctx, s)
}

// Close takes in what the taps have still seen, then removes all containers and the network.
func (h *host) Close(ctx context.Context) (err error) {
	defer h.engine.Close()
	defer func() {
		if err == nil {
			h.watchdog.end() // else it has another try once the harness has ended
		}
	}()
	if h.links != nil {
		h.closeLinks(ctx)
	}
	h.mu.Lock()
	pods, late := h.parts, h.cutOff
	h.mu.Unlock()
	for _, p := range pods {
		p.expectEnd()
	}
	err = h.engine.reap(ctx, h.cfg.Run, late)
	for _, p := range pods {
		p.wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("containers and a network labelled %s=%s are left: %w", labelRun, h.cfg.Run, oneLine(err))
	}
	return nil
}

// closeLinks ends the stream of events in good order, and gives up on it after a while.
func (h *host) closeLinks(ctx context.Context) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stop := context.AfterFunc(ctx, h.unfollow)
	defer stop()
	if err := h.links.Close(ctx); err != nil {
		h.cfg.Record.Record(history.Event{
			Source: history.Runner, Kind: history.KindProblem, Error: "close the links: " + err.Error(),
		})
		h.unfollow()
	}
	h.following.Wait()
	h.unfollow()
}

// patiently tries again for a few seconds.
func patiently(ctx context.Context, do func() error) error {
	const patience, pause = 10 * time.Second, 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

var _ env.Host = (*host)(nil)
