// Package memory runs a scenario as goroutines over pipes, links and all: in a testing/synctest bubble a minute of
// outage takes milliseconds, and time is exact.
package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A World is all that a part has of the world.
type World struct {
	Listen func(ctx context.Context, addr string) (net.Listener, error)
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	Out    io.Writer
}

// A Role runs a part until ctx ends, as a process would until SIGTERM. What it is comes from the caller, since
// neither the sidecar nor the apps are the harness's to know.
type Role func(ctx context.Context, p env.Part, w World) error

// New gives an environment whose parts all run as role.
func New(role Role) env.Start {
	return func(ctx context.Context, c env.Config) (env.Env, error) {
		n := newNetwork()
		h := &host{cfg: c, role: role, network: n, links: link.NewOn(n, link.OnRun(c.Record)), parts: map[string]*running{}}
		return env.Bring(ctx, c, h)
	}
}

// A host runs parts as goroutines.
type host struct {
	cfg     env.Config
	role    Role
	network *network
	links   *link.Set

	mu    sync.Mutex
	parts map[string]*running // service/part
}

// Prepare refuses what only a real machine can run, and gives each service its name as its address.
func (h *host) Prepare(context.Context) (map[string]env.Place, error) {
	places := map[string]env.Place{}
	for _, s := range h.cfg.Plan.Scenario.Services {
		if s.Image != "" || len(s.Command) > 0 {
			return nil, fmt.Errorf("service %s: an image or a command can't run in memory: %w", s.Name, errors.ErrUnsupported)
		}
		places[s.Name] = env.Place{Bind: s.Name, Host: s.Name, App: s.Port, HTTP: 3500, GRPC: 50001, Internal: 50002, Metrics: 9090}
	}
	return places, nil
}

// Links are in this process.
func (h *host) Links() link.Control { return link.Local{Set: h.links} }

// Listen takes any port of a host that is the links'.
func (h *host) Listen(scenario.Link) string { return "links:0" }

// Reach is where the tap listens.
func (h *host) Reach(_ scenario.Link, addr string) string { return addr }

// Start starts a part in a goroutine.
func (h *host) Start(_ context.Context, p env.Part) error {
	r := start(h, p)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts[p.Service+"/"+p.Part] = r
	return nil
}

// Signal ends a part. A goroutine can't be paused.
func (h *host) Signal(ctx context.Context, p env.Part, s env.Signal) error {
	h.mu.Lock()
	r := h.parts[p.Service+"/"+p.Part]
	h.mu.Unlock()
	switch {
	case r == nil:
		return fmt.Errorf("%s %s/%s: it was never started", s, p.Service, p.Part)
	case s == env.Term:
		r.terminate(ctx)
	case s == env.Kill:
		r.kill()
	default:
		return fmt.Errorf("%s %s/%s: not in memory: %w", s, p.Service, p.Part, errors.ErrUnsupported)
	}
	return nil
}

// Close kills all parts and ends the links.
func (h *host) Close(context.Context) error {
	h.mu.Lock()
	parts := h.parts
	h.mu.Unlock()
	for _, r := range parts {
		r.kill()
	}
	for _, r := range parts {
		<-r.gone
	}
	return h.links.Close()
}

// running is a part that runs, or has ended.
type running struct {
	host   *host
	part   env.Part
	door   *door
	cancel context.CancelFunc
	out    *io.PipeWriter
	gone   chan struct{} // closed when the goroutine has returned and all it printed is recorded

	mu            sync.Mutex
	wanted, ended bool
}

func start(h *host, p env.Part) *running {
	ctx, cancel := context.WithCancel(context.Background())
	in, out := io.Pipe()
	r := &running{host: h, part: p, door: newDoor(h.network), cancel: cancel, out: out, gone: make(chan struct{})}
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		env.RecordLines(in, p, "stdout", r.record)
		io.Copy(io.Discard, in) // of a part that was killed
	}()
	go func() {
		defer close(r.gone)
		err := h.role(ctx, p, World{Listen: r.door.Listen, Dial: r.door.Dial, Out: out})
		if err != nil {
			fmt.Fprintf(out, "%v\n", err)
		}
		r.door.close()
		out.Close()
		<-recorded
		how := "exit 0"
		if err != nil {
			how = "exit 1"
		}
		r.end(how)
	}()
	return r
}

// record takes what a living part prints.
func (r *running) record(e history.Event) {
	r.mu.Lock()
	dead := r.ended
	r.mu.Unlock()
	if !dead {
		r.host.cfg.Record.Record(e)
	}
}

// end notes the part's end, once.
func (r *running) end(how string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	r.ended = true
	wanted := "false"
	if r.wanted {
		wanted = "true"
	}
	r.host.cfg.Record.Record(history.Event{
		Source: history.Runner, Kind: history.KindExit, Service: r.part.Service, Part: r.part.Part,
		Text: how, Attrs: map[string]string{"wanted": wanted},
	})
}

func (r *running) want() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = true
}

// terminate asks the part to end, and kills it where it takes too long.
func (r *running) terminate(ctx context.Context) {
	r.want()
	r.cancel()
	select {
	case <-r.gone:
	case <-ctx.Done():
		r.kill()
	case <-time.After(env.TermGrace):
		r.kill()
	}
}

// kill ends it at once: its connections are gone, and nothing it does from now on is seen.
func (r *running) kill() {
	r.want()
	r.end("signal " + os.Kill.String())
	r.door.close()
	r.cancel()
}

var _ env.Host = (*host)(nil)
