package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/theory/jsonpath"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Config is one link to open.
type Config struct {
	Name     string   // checkout->order-processor
	Listen   string   // host:port of the tap; port 0 takes a free one
	Upstream string   // host:port
	Door     bool     // faults at an app's door may come
	IDs      []string // JSON paths (RFC 9535) of an order's id in the body, for requests without the header X-Order-Id

	paths []*jsonpath.Path
}

// A Set is all links of one run, in one process.
type Set struct {
	record Record
	net    Network // nil for the machine's own
	server *toxiproxy.ApiServer

	mu     sync.Mutex
	links  map[string]*hop
	faults map[string]applied
}

// A hop is one link: a tap and the Toxiproxy proxy behind it.
type hop struct {
	tap    *tap
	addr   string // of the tap, as it can be dialled
	proxy  *toxiproxy.Proxy
	inside bool // on a network of ours
	turn   turn
}

// A turn lets one thing at a time be done to Toxiproxy's toxics of a link. Taking a toxic off waits for what it has
// in hand, and Toxiproxy holds a mutex meanwhile; who waits for a mutex keeps the time of a bubble from going on, and
// so what it waits for from happening. Who waits for a turn does not.
type turn chan struct{}

func (t turn) take() (give func()) {
	t <- struct{}{}
	return func() { <-t }
}

// applied is a fault that is on.
type applied struct {
	hop  *hop
	heal func() error
}

// New makes an empty set whose taps hand what they see to record.
func New(record Record) *Set { return NewOn(nil, record) }

// NewOn makes an empty set on a network of its own.
func NewOn(n Network, record Record) *Set {
	silence()
	return &Set{
		record: record, net: n,
		server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.New(io.Discard)),
		links:  map[string]*hop{},
		faults: map[string]applied{},
	}
}

// silence keeps Toxiproxy from telling on stderr of each toxic that it takes off: some of its toxics know no logger
// but the global one.
var silence = sync.OnceFunc(func() { zerolog.SetGlobalLevel(zerolog.Disabled) })

// Open starts one link and gives the address at which its tap listens.
func (s *Set) Open(c Config) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.links[c.Name] != nil {
		return "", fmt.Errorf("open link %s: it is open already", c.Name)
	}
	var err error
	if c.paths, err = parsePaths(c.IDs); err != nil {
		return "", fmt.Errorf("open link %s: %w", c.Name, err)
	}
	open := s.openTCP
	if s.net != nil {
		open = s.openInside
	}
	h, err := open(c)
	if err != nil {
		return "", fmt.Errorf("open link %s: %w", c.Name, err)
	}
	s.links[c.Name] = h
	return h.tap.listener.Addr().String(), nil
}

func (s *Set) openTCP(c Config) (*hop, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	proxy := toxiproxy.NewProxy(s.server, c.Name, net.JoinHostPort(host, "0"), c.Upstream)
	if err := s.server.Collection.Add(proxy, true); err != nil {
		l.Close()
		return nil, fmt.Errorf("start its proxy: %w", err)
	}
	dial := func() (net.Conn, error) { return net.DialTimeout("tcp", proxy.Listen, dialTimeout) }
	return &hop{tap: newTap(c, l, dial, s.record), addr: net.JoinHostPort(host, port), proxy: proxy, turn: make(turn, 1)}, nil
}

func (s *Set) openInside(c Config) (*hop, error) {
	l, err := s.net.Listen(c.Listen)
	if err != nil {
		return nil, err
	}
	proxy := toxiproxy.NewProxy(s.server, c.Name, l.Addr().String(), c.Upstream)
	if err := s.server.Collection.Add(proxy, false); err != nil {
		l.Close()
		return nil, err
	}
	i := &inside{net: s.net, proxy: proxy, srv: s.server, turn: make(turn, 1)}
	return &hop{tap: newTap(c, l, i.dial, s.record), addr: l.Addr().String(), proxy: proxy, inside: true, turn: i.turn}, nil
}

// dialTimeout bounds the tap's dial of Toxiproxy on the same machine.
const dialTimeout = 5 * time.Second

// Apply puts a fault on its link. Its name must not be in use.
func (s *Set) Apply(f scenario.Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.links[f.Link]
	if h == nil {
		return fmt.Errorf("apply %s: no link %s (there are: %s)", f.Name, f.Link, strings.Join(s.names(), ", "))
	}
	if _, on := s.faults[f.Name]; on {
		return fmt.Errorf("apply %s: it is on already", f.Name)
	}
	var heal func() error
	var err error
	switch f.Kind {
	case scenario.Refuse:
		heal = h.refuse()
	case scenario.Cut:
		heal, err = h.cut(f)
	case scenario.Reset:
		heal, err = h.reset(f)
	case scenario.Latency:
		heal, err = h.latency(f)
	case scenario.Bandwidth:
		heal, err = h.bandwidth(f)
	case scenario.Slice:
		heal, err = h.slice(f)
	case scenario.SlowClose:
		heal, err = h.slowClose(f)
	case scenario.Limit:
		heal, err = h.limit(f)
	case scenario.Respond, scenario.Hang, scenario.Slow:
		heal, err = h.door(f)
	default:
		err = fmt.Errorf("a link can't do %s: %w", f.Kind, errors.ErrUnsupported)
	}
	if err != nil {
		return fmt.Errorf("apply %s to %s: %w", f.Name, f.Link, err)
	}
	s.faults[f.Name] = applied{hop: h, heal: heal}
	return nil
}

// Heal takes a fault off again.
func (s *Set) Heal(name string) error {
	s.mu.Lock()
	f, on := s.faults[name]
	delete(s.faults, name)
	s.mu.Unlock()
	if !on {
		return fmt.Errorf("heal %s: it is not on", name)
	}
	if err := f.heal(); err != nil {
		return fmt.Errorf("heal %s: %w", name, err)
	}
	return nil
}

// Close heals what is still broken and ends all links.
func (s *Set) Close() error {
	s.mu.Lock()
	links, faults := s.links, s.faults
	s.links, s.faults = map[string]*hop{}, map[string]applied{}
	s.mu.Unlock()
	var errs []error
	for _, f := range faults {
		errs = append(errs, f.heal())
	}
	for _, h := range links {
		h.tap.close()
		errs = append(errs, s.server.Collection.Remove(h.proxy.Name))
	}
	return errors.Join(errs...)
}

// names of the links, sorted; the lock is held.
func (s *Set) names() []string {
	out := make([]string, 0, len(s.links))
	for name := range s.links {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// OnRun maps what taps of this process see onto a run's clock.
func OnRun(r *history.Recorder) Record {
	return func(at time.Time, e history.Event) {
		e.At = at.Sub(r.Started())
		r.Record(e)
	}
}
