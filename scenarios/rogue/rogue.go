// Package rogue is a second sidecar, made to be caught: it keeps Dapr's promises but for the one that its knob
// breaks. It shares nothing with the sidecar that it imitates, and no program ships it.
package rogue

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Config is what a rogue is told, and all that it touches of the world.
type Config struct {
	Knob      Knob
	Args      []string // daprd's flags
	Resources [][]byte // Resiliency files
	Listen    func(ctx context.Context, addr string) (net.Listener, error)
	Dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	Out       io.Writer
}

// A sidecar is a rogue that runs.
type sidecar struct {
	Config
	appID, app string // app: where it listens, "" for one that only calls
	peers      map[string]string
	loaded     []string // resources
	engine     *Engine
	apps       *http.Transport
	began      time.Time
	end        context.CancelCauseFunc

	mu         sync.Mutex
	out        sync.Mutex
	transports map[string]*http.Transport
	dials      map[string]*backoff
	held       *held // ReordersOrder: the order that is held back
	calls      atomic.Int64
	served     atomic.Int64
	restarted  atomic.Bool // WakesLate
}

// Run serves until ctx ends. Requests in flight then have five seconds.
func Run(ctx context.Context, c Config) error {
	f := flag.NewFlagSet("sidecar", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	s := &sidecar{Config: c, peers: map[string]string{}, transports: map[string]*http.Transport{}, dials: map[string]*backoff{}, began: time.Now()}
	f.StringVar(&s.appID, "app-id", "", "")
	appPort, appHost := f.String("app-port", "", ""), f.String("app-channel-address", "127.0.0.1", "")
	bind, api := f.String("dapr-listen-addresses", "127.0.0.1", ""), f.String("dapr-http-port", "3500", "")
	internal := f.String("dapr-internal-grpc-port", "0", "")
	metrics, metricsHost := f.String("metrics-port", "0", ""), f.String("metrics-listen-address", "127.0.0.1", "")
	f.Func("peer", "", func(text string) error {
		app, addr, _ := strings.Cut(text, "=")
		s.peers[app] = addr
		return nil
	})
	for _, name := range []string{"dapr-grpc-port", "app-protocol", "resources-path", "discovery"} {
		f.String(name, "", "")
	}
	if err := f.Parse(c.Args); err != nil {
		return err
	}
	if *appPort != "" {
		s.app = net.JoinHostPort(*appHost, *appPort)
	}
	ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	s.engine = &Engine{knob: c.Knob, say: s.say, ended: ctx.Done(), breakers: map[string]*breaker{}, figures: newFigures(c.Knob, s.appID)}
	s.load()
	s.apps = &http.Transport{DialContext: c.Dial, DisableCompression: true}
	defer s.close()
	return s.serve(ctx, []door{
		{net.JoinHostPort(*bind, *internal), http.HandlerFunc(s.deliver)},
		{net.JoinHostPort(*metricsHost, *metrics), http.HandlerFunc(s.metrics)},
		{net.JoinHostPort(*bind, *api), http.HandlerFunc(s.api)},
	})
}

// load reads the resources; what can't be read is told, and the sidecar runs on.
func (s *sidecar) load() {
	for _, text := range s.Resources {
		r, err := decode(text, s.appID, s.Knob)
		switch {
		case err != nil:
			s.say("Could not read resiliency policy: %v", err)
		case r != nil && s.Knob != NotLoaded:
			s.engine.spec = r
			s.loaded = append(s.loaded, r.name)
		}
	}
}

// A door is an address and what answers there.
type door struct {
	addr    string
	handler http.Handler
}

func (s *sidecar) serve(ctx context.Context, doors []door) error {
	var servers []*http.Server
	defer func() {
		for _, srv := range servers {
			srv.Close()
		}
	}()
	for _, d := range doors {
		l, err := s.Listen(ctx, d.addr)
		if err != nil {
			return err
		}
		srv := &http.Server{Handler: d.handler, ErrorLog: quiet}
		servers = append(servers, srv)
		go srv.Serve(l)
	}
	s.say("dapr initialized. Status: Running.")
	if s.Knob == SaysReadyTwice {
		s.say("dapr initialized. Status: Running.")
	}
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for i := len(servers) - 1; i >= 0; i-- {
		servers[i].Shutdown(grace)
	}
	return nil
}

func (s *sidecar) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps.CloseIdleConnections()
	for _, t := range s.transports {
		t.CloseIdleConnections()
	}
}

// say writes a line as Dapr's logger does.
func (s *sidecar) say(format string, args ...any) {
	if s.Knob == SaysNothing && s.engine != nil && s.calls.Load() > 0 {
		return
	}
	s.out.Lock()
	defer s.out.Unlock()
	fmt.Fprintf(s.Out, "time=%q level=info msg=%q app_id=%s scope=dapr.runtime type=log ver=rogue\n", time.Now().Format(time.RFC3339Nano), fmt.Sprintf(format, args...), s.appID)
}
