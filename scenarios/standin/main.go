// Command standin speaks daprd's flags, logs, metrics and gRPC, for machines that can't have daprd: so the way to
// the real one never rots. Its policies are the built-in sidecar's, its connections are google.golang.org/grpc's, with
// daprd's settings, and so it dials again as late as daprd does. No program ships it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/halfopen/halfopen/sidecar/policy"
)

// version is the daprd whose words and ways it takes. A program that is named daprd-1.12.6 says that it is that one.
const version = "1.18.3"

// suffix keeps anybody from taking it for daprd.
const suffix = "-standin"

// A daprd is one that runs.
type daprd struct {
	id, appAddr      string // appAddr: "" for an app that only calls
	http, internal   string
	metricsAddr      string
	resources        string
	config           string
	hostIP, portOnly string // announced
	format           string // of nameformat; "" for mDNS
	version          string

	log      *logger
	metrics  *metrics
	policies *policy.Policies
	engine   *policy.Engine
	peers    peers
	others   directory // by mDNS
	app      *http.Transport
	ready    atomic.Bool
	stop     context.CancelFunc
}

func main() {
	d := &daprd{version: version, others: directory{browse: browse}, app: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}}
	if _, named, ok := strings.Cut(filepath.Base(os.Args[0]), "daprd-"); ok {
		d.version = named
	}
	d.version += suffix
	if err := d.flags(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ctx, d.stop = context.WithCancel(ctx)
	defer d.stop()
	if err := d.run(ctx); err != nil {
		d.log.fatal("%v", err)
		os.Exit(1)
	}
}

// flags reads daprd's. One that daprd doesn't know ends it, as it ends daprd.
func (d *daprd) flags(args []string) error {
	f := flag.NewFlagSet("daprd", flag.ContinueOnError)
	text := func(name, value string) *string { return f.String(name, value, "") }
	id, appPort, appHost := text("app-id", ""), text("app-port", ""), text("app-channel-address", "127.0.0.1")
	listen, api := text("dapr-listen-addresses", "127.0.0.1"), text("dapr-http-port", "3500")
	internal, internalHost := text("dapr-internal-grpc-port", "50002"), text("dapr-internal-grpc-listen-address", "")
	metricsPort, metricsHost := text("metrics-port", "9090"), text("metrics-listen-address", "0.0.0.0")
	resources, config := text("resources-path", ""), text("config", "")
	level, mode := text("log-level", "info"), text("mode", "standalone")
	asJSON, tell := f.Bool("log-as-json", false, ""), f.Bool("version", false, "")
	mtls := f.Bool("enable-mtls", false, "")
	for _, name := range []string{"app-protocol", "dapr-grpc-port", "app-max-concurrency", "dapr-graceful-shutdown-seconds"} {
		text(name, "")
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	if *tell {
		fmt.Println(d.version)
		return flag.ErrHelp
	}
	d.log = newLogger(*id, d.version, *level, *asJSON)
	switch {
	case *id == "":
		return errors.New("app-id is required")
	case *mode != "standalone":
		return fmt.Errorf("mode %s: the stand-in knows standalone alone", *mode)
	case *mtls:
		return errors.New("the stand-in knows no mtls")
	}
	d.id, d.resources, d.config = *id, *resources, *config
	d.http = net.JoinHostPort(*listen, *api)
	if *internalHost == "" {
		*internalHost = *listen
	}
	d.internal, d.portOnly = net.JoinHostPort(*internalHost, *internal), *internal
	d.metricsAddr = net.JoinHostPort(*metricsHost, *metricsPort)
	if *appPort != "" && *appPort != "0" {
		d.appAddr = net.JoinHostPort(*appHost, *appPort)
	}
	d.hostIP = os.Getenv("DAPR_HOST_IP")
	return nil
}

// run serves until ctx ends; what is then on its way has five seconds.
func (d *daprd) run(ctx context.Context) error {
	began := time.Now()
	d.log.info("dapr.runtime", "Starting Dapr Runtime -- version %s -- commit none", d.version)
	d.log.warn("dapr.runtime.security", "mTLS is disabled. Skipping certificate request and tls validation")
	d.metrics = newMetrics(d.id)
	if err := d.configure(); err != nil {
		return err
	}
	if err := d.load(); err != nil {
		return err
	}
	d.engine = policy.NewEngine(d, nil) // a retry goes on until daprd is gone
	d.log.info("dapr.runtime", "standalone mode configured")
	d.log.info("dapr.runtime", "app id: %s", d.id)
	calls := grpc.NewServer(serverOptions(d)...)
	api := &http.Server{Handler: http.HandlerFunc(d.api)}
	numbers := &http.Server{Handler: d.metrics}
	for _, s := range []struct {
		addr  string
		serve func(net.Listener) error
	}{{d.metricsAddr, numbers.Serve}, {d.internal, calls.Serve}, {d.http, api.Serve}} {
		l, err := net.Listen("tcp", s.addr)
		if err != nil {
			return err
		}
		go s.serve(l)
	}
	withdraw, err := d.announce()
	if err != nil {
		return err
	}
	go d.others.refresh(ctx)
	d.log.info("dapr.runtime", "HTTP server is running on port %s", d.http[strings.LastIndex(d.http, ":")+1:])
	d.log.info("dapr.runtime", "Internal gRPC server is running on %s", d.internal)
	go func() {
		d.discover(ctx)
		d.ready.Store(true)
		d.log.info("dapr.runtime", "dapr initialized. Status: Running. Init Elapsed %dms", time.Since(began).Milliseconds())
	}()
	<-ctx.Done()
	d.log.info("dapr.signals", "Received signal 'terminated'; beginning shutdown")
	d.log.info("dapr.runtime", "Dapr is shutting down")
	withdraw()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := api.Shutdown(grace); err != nil {
		return errors.New("Graceful shutdown timeout exceeded, forcing shutdown") //nolint:staticcheck // daprd's own words
	}
	calls.Stop()
	d.log.info("dapr.runtime", "Daprd shutdown gracefully")
	return nil
}

// shutdownGrace is daprd's --dapr-graceful-shutdown-seconds.
const shutdownGrace = 5 * time.Second

// discover waits until the app listens.
func (d *daprd) discover(ctx context.Context) {
	if d.appAddr == "" {
		d.log.warn("dapr.runtime.channels", "App channel is not initialized. Did you configure an app-port?")
		return
	}
	port := d.appAddr[strings.LastIndex(d.appAddr, ":")+1:]
	d.log.info("dapr.runtime", "application protocol: http. waiting on port %s.  This will block until the app is listening on that port.", port)
	for ctx.Err() == nil {
		c, err := net.DialTimeout("tcp", d.appAddr, time.Second)
		if err == nil {
			c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	d.log.info("dapr.runtime", "application discovered on port %s", port)
	if r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.appAddr+"/dapr/config", nil); err == nil {
		if resp, err := d.app.RoundTrip(r); err == nil {
			resp.Body.Close()
		}
	}
	d.log.info("dapr.runtime", "Application configuration loaded")
}
