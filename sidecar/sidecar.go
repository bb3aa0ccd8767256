// Package sidecar stands in for daprd: service invocation from app to app under a Resiliency spec.
//
//	app ─▶ sidecar (HTTP API) ─▶ the other's sidecar (internal port) ─▶ the other app
package sidecar

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/halfopen/halfopen/sidecar/policy"
)

// A Config is what a sidecar is told, and all that it touches of the world.
type Config struct {
	AppID          string
	AppPort        int               // 0 for an app that only calls
	AppAddress     string            // where the app listens: 127.0.0.1
	HTTPPort       int               // the API: 3500
	InternalPort   int               // for other sidecars; 0 for a free one
	MetricsPort    int               // 0 for none
	PublicPort     int               // for health and metadata only, on all addresses; 0 for none
	ListenAddress  string            // of the API; several with commas between them: 127.0.0.1
	PeerAddress    string            // of the internal port: the first of ListenAddress
	MetricsAddress string            // 127.0.0.1
	APIToken       string            // that requests to the API must carry; empty for none
	AppToken       string            // that the app is sent; empty for none
	MaxBodyBytes   int64             // of a request: 4 MiB
	MaxHeaderBytes int               // of a request to the API: 4 KiB, and net/http's slack of another 4
	MaxConcurrency int               // of requests to the app; 0 for no limit
	LogCalls       bool              // one line for each call of the API
	Peers          map[string]string // app id → host:port of its sidecar's internal port
	Resources      []File            // the files of the resources folders
	Grace          time.Duration     // how long requests in flight may take at the end: 5 s
	Log            LogOptions
	Ready          func(Addresses) // called once everything listens; may be nil

	Directory Directory // finds peers that Peers doesn't name; nil for nobody
	Listen    func(ctx context.Context, addr string) (net.Listener, error)
	Dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	Out       io.Writer // its log
}

// A File is one file of a resources folder.
type File struct {
	Name string
	Data []byte
}

// Addresses are where a sidecar listens.
type Addresses struct{ HTTP, Internal, Metrics string }

// A Directory tells where the sidecars of other apps are, and others where this one is.
type Directory interface {
	Announce(appID, addr string) (withdraw func(), err error)
	Find(appID string) (addr string, err error)
}

// A sidecar is one that runs.
type sidecar struct {
	Config
	log      *logger
	metrics  *metrics
	policies *policy.Policies
	engine   *policy.Engine
	peers    *peers
	app      *http.Transport
	room     chan struct{} // holds one for each request at the app; nil for no limit
	shutdown context.CancelFunc
}

// Run serves until ctx ends, then lets requests in flight finish, at most for the grace period; beyond it they are
// cut, and it returns ErrForced.
func Run(ctx context.Context, c Config) error {
	c = c.withDefaults()
	ctx, shutdown := context.WithCancel(ctx)
	defer shutdown()
	s := &sidecar{Config: c, log: newLogger(c), metrics: newMetrics(c.AppID), shutdown: shutdown}
	if c.MaxConcurrency > 0 {
		s.room = make(chan struct{}, c.MaxConcurrency)
	}
	s.log.info("Starting Dapr Runtime -- version %s", c.Log.Version)
	s.log.info("Log level set to: %s", s.log.entry.Logger.GetLevel())
	s.policies = s.load(c.Resources)
	s.engine = policy.NewEngine(s, ctx.Done())
	s.peers = newPeers(c)
	s.app = &http.Transport{DialContext: c.Dial, MaxIdleConnsPerHost: idlePerHost, DisableCompression: true}
	defer s.app.CloseIdleConnections()
	defer s.peers.close()
	return s.serve(ctx)
}

// idlePerHost is how many idle connections are kept to one peer or app.
const idlePerHost = 64

func (c Config) withDefaults() Config {
	set := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	set(&c.AppAddress, "127.0.0.1")
	set(&c.ListenAddress, "127.0.0.1")
	first, _, _ := strings.Cut(c.ListenAddress, ",")
	set(&c.PeerAddress, strings.TrimSpace(first))
	set(&c.MetricsAddress, "127.0.0.1")
	if c.MaxBodyBytes <= 0 {
		c.MaxBodyBytes = 4 << 20
	}
	if c.MaxHeaderBytes <= 0 {
		c.MaxHeaderBytes = 4 << 10
	}
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	return c
}

// load reads the resources as daprd does: what is of another kind or for other apps is passed over, and an error
// is a line in the log, not an end.
func (s *sidecar) load(files []File) *policy.Policies {
	p := policy.New()
	for _, f := range files {
		r, err := policy.Decode(f.Data)
		switch {
		case errors.Is(err, policy.ErrOtherKind):
			continue
		case err != nil:
			s.log.error("Could not parse resiliency file %s: %s", f.Name, err)
			continue
		case !r.Applies(s.AppID):
			continue
		}
		s.log.info("Loading Resiliency configuration: %s", r.Metadata.Name)
		s.metrics.under(r.Metadata.Name, r.Metadata.Namespace)
		if err := p.Add(r); err != nil {
			s.log.error("Could not read resiliency policy %s: %s", r.Metadata.Name, err)
			continue
		}
		s.metrics.loaded()
	}
	for _, line := range p.Warnings() {
		s.log.warn("%s", line)
	}
	if kinds := p.NotRun(); len(kinds) > 0 {
		s.log.warn("Resiliency targets of kind %s are read, and have no effect in this sidecar", strings.Join(kinds, ", "))
	}
	return p
}
