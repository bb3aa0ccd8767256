package env

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/sync/errgroup"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A part is an app or a sidecar with what faults have done to it. Faults on one part may overlap: it is down
// while any of them wants it down, and paused while any of them wants it paused.
type part struct {
	Part
	cluster *cluster

	mu     sync.Mutex // held over a change of state: changes follow one another
	down   int
	paused int
}

// start starts the part and waits until it answers a direct probe.
func (p *part) start(ctx context.Context) error {
	rec := p.cluster.cfg.Record
	seen, _ := rec.Since(0)
	rec.Record(history.Event{Source: history.Runner, Kind: history.KindStart, Service: p.Service, Part: p.Part.Part})
	if err := p.cluster.host.Start(ctx, p.Part); err != nil {
		return fmt.Errorf("start %s: %w", p.what(), err)
	}
	ended := func() error { return p.ended(len(seen), errEnded) }
	within := p.cluster.cfg.Plan.Scenario.Service(p.Service).ReadyWithin
	if p.Part.Part == history.Sidecar {
		within = 0
	}
	if err := until(ctx, p.what(), within, ended, p.probe); err != nil {
		if ctx.Err() != nil || errors.Is(err, errEnded) {
			return err
		}
		return fmt.Errorf("%w%s%s", err, p.advice(ctx), p.lastWords(len(seen)))
	}
	rec.Record(history.Event{Source: history.Runner, Kind: history.KindReady, Service: p.Service, Part: p.Part.Part})
	return nil
}

// Too early ends of a part.
var (
	errEnded = errors.New("ended before it was ready")
	errGone  = errors.New("ended before the load")
)

// ended tells with its last words that the part has ended since the n-th event; nil where it has not.
func (p *part) ended(n int, early error) error {
	events, _ := p.cluster.cfg.Record.Since(n)
	for _, e := range events {
		if e.Kind == history.KindExit && e.Service == p.Service && e.Part == p.Part.Part {
			return fmt.Errorf("%s %w (%s)%s", p.what(), early, e.Text, p.lastWords(n))
		}
	}
	return nil
}

// lastWords are the last lines that the part has printed since the n-th event, each in a line of its own.
func (p *part) lastWords(n int) string {
	const most = 10
	var lines []string
	events, _ := p.cluster.cfg.Record.Since(n)
	for _, e := range events {
		if e.Kind == history.KindLine && e.Service == p.Service && e.Part == p.Part.Part {
			lines = append(lines, printable(e.Text))
		}
	}
	if len(lines) == 0 {
		return "; it printed nothing"
	}
	return "; it printed last:\n    " + strings.Join(lines[max(0, len(lines)-most):], "\n    ")
}

// printable leaves out of a line what would work a terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "\ufffd"))
}

// advice is for an app that listens somewhere else than it should.
func (p *part) advice(ctx context.Context) string {
	c, service := p.cluster, p.cluster.cfg.Plan.Scenario.Service(p.Service)
	if p.Part.Part != history.App || len(service.Command) == 0 || service.Image != "" || service.Host != "" {
		return ""
	}
	elsewhere := net.JoinHostPort("127.0.0.1", strconv.Itoa(c.places[p.Service].App))
	if _, _, err := c.host.Links().Probe(ctx, "tcp://"+elsewhere); err != nil || elsewhere == c.appAt(p.Service) {
		return fmt.Sprintf(" (does it listen on the port %d that APP_PORT tells it, on APP_HOST or 0.0.0.0?)", c.places[p.Service].App)
	}
	return fmt.Sprintf(" (something listens on %s: let it listen on APP_HOST or 0.0.0.0, or say `host: 127.0.0.1`)", elsewhere)
}

func (p *part) what() string { return key(p.Service, p.Part.Part) }

// probe asks the part itself whether it is ready, never through a link.
func (p *part) probe(ctx context.Context) error {
	c := p.cluster
	place, service := c.places[p.Service], c.cfg.Plan.Scenario.Service(p.Service)
	var url string
	want := 0
	switch {
	case p.Part.Part == history.Sidecar:
		url, want = "http://"+net.JoinHostPort(place.Host, strconv.Itoa(place.HTTP))+"/v1.0/healthz", http.StatusNoContent
	case service.Port == 0:
		return nil // it only sends: nothing to ask
	case service.Ready != "":
		url, want = "http://"+c.appAt(p.Service)+"/"+strings.TrimPrefix(service.Ready, "/"), http.StatusOK
	default:
		url = "tcp://" + c.appAt(p.Service)
	}
	status, _, err := c.host.Links().Probe(ctx, url)
	if err != nil {
		return err
	}
	if status != want && status/100*100 != want {
		return fmt.Errorf("%s answers %d, want %d", url, status, want)
	}
	return nil
}

// targets are the parts that a fault is about.
func (c *cluster) targets(f scenario.Fault) ([]*part, error) {
	if c.cfg.Plan.Scenario.Service(f.Service) == nil {
		return nil, fmt.Errorf("apply %s: no service %s", f.Name, f.Service)
	}
	if f.Part != "" {
		return []*part{c.part(f.Service, f.Part)}, nil
	}
	return []*part{c.part(f.Service, history.App), c.part(f.Service, history.Sidecar)}, nil
}

// end stops or kills the parts of a fault; healing starts them again.
func (c *cluster) end(ctx context.Context, f scenario.Fault, s Signal) (func(context.Context) error, error) {
	return c.change(ctx, f,
		func(p *part, ctx context.Context) error { return p.endBy(ctx, s) },
		(*part).startAgain)
}

// pause freezes the parts of a fault; healing lets them go on.
func (c *cluster) pause(ctx context.Context, f scenario.Fault) (func(context.Context) error, error) {
	return c.change(ctx, f, (*part).freeze, (*part).thaw)
}

// change does one thing to all parts of a fault at once, and its opposite when healed.
// Where it fails half-way, what was done is undone.
func (c *cluster) change(ctx context.Context, f scenario.Fault, do, undo func(*part, context.Context) error) (func(context.Context) error, error) {
	parts, err := c.targets(f)
	if err != nil {
		return nil, err
	}
	heal := func(ctx context.Context) error { return each(parts, func(p *part) error { return undo(p, ctx) }) }
	if err := each(parts, func(p *part) error { return do(p, ctx) }); err != nil {
		if ctx.Err() != nil { // the run is over: closing ends what is half-way, and starting it again would only be in its way
			return nil, fmt.Errorf("apply %s: %w", f.Name, err)
		}
		return nil, fmt.Errorf("apply %s: %w", f.Name, errors.Join(err, heal(context.WithoutCancel(ctx))))
	}
	return heal, nil
}

// each runs do on all parts at once.
func each(parts []*part, do func(*part) error) error {
	var all errgroup.Group
	for _, p := range parts {
		all.Go(func() error { return do(p) })
	}
	return all.Wait()
}

func (p *part) endBy(ctx context.Context, s Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down++
	if p.down > 1 {
		return nil
	}
	if p.Part.Part == history.Sidecar && p.paused == 0 {
		p.readMetrics(ctx)
	}
	return p.cluster.host.Signal(ctx, p.Part, s)
}

func (p *part) startAgain(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down--
	if p.down > 0 {
		return nil
	}
	if err := p.start(ctx); err != nil {
		return err
	}
	if p.paused > 0 {
		return p.cluster.host.Signal(ctx, p.Part, Pause)
	}
	return nil
}

func (p *part) freeze(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused++
	if p.paused > 1 || p.down > 0 {
		return nil
	}
	return p.cluster.host.Signal(ctx, p.Part, Pause)
}

func (p *part) thaw(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused--
	if p.paused > 0 || p.down > 0 {
		return nil
	}
	return p.cluster.host.Signal(ctx, p.Part, Continue)
}
