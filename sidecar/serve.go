package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrForced tells that requests were still in flight when the grace was over, and were cut. daprd exits 1 then.
var ErrForced = errors.New("requests in flight outlasted the grace")

// serve opens all ports, says that it is ready, and ends them in good order.
func (s *sidecar) serve(ctx context.Context) error {
	began := time.Now()
	d := &doors{sidecar: s, failed: make(chan error, 1)}
	defer d.close()
	addresses, err := d.openAll(ctx)
	if err != nil {
		return err
	}
	if s.Directory != nil {
		withdraw, err := s.Directory.Announce(s.AppID, addresses.Internal)
		if err != nil {
			return fmt.Errorf("announce %s: %w", s.AppID, err)
		}
		defer withdraw()
	}
	if s.AppPort == 0 {
		s.log.warn("App channel is not initialized. Did you configure an app-port?")
	}
	s.log.info("HTTP server is running on %s", addresses.HTTP)
	s.log.info("Internal server is running on %s", addresses.Internal)
	s.log.info("dapr initialized. Status: Running. Init Elapsed %dms", time.Since(began).Milliseconds())
	if s.Ready != nil {
		s.Ready(addresses)
	}
	select {
	case err := <-d.failed:
		return err
	case <-ctx.Done():
	}
	s.log.info("Dapr is shutting down")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Grace)
	defer cancel()
	if d.end(ending) != nil {
		s.log.warn("Graceful shutdown timeout exceeded, forcing shutdown")
		return ErrForced
	}
	s.log.info("Daprd shutdown gracefully")
	return nil
}

// doors are the servers of a sidecar.
type doors struct {
	*sidecar
	servers []*http.Server
	failed  chan error
}

func (d *doors) openAll(ctx context.Context) (a Addresses, err error) {
	if a.Internal, err = d.open(ctx, "other sidecars", d.PeerAddress, d.InternalPort, d.internalHandler(), 0); err != nil {
		return a, err
	}
	if d.MetricsPort > 0 {
		if a.Metrics, err = d.open(ctx, "metrics", d.MetricsAddress, d.MetricsPort, d.metrics.handler(), 0); err != nil {
			return a, err
		}
		d.log.info("metrics server started on %s/", a.Metrics)
	}
	if d.PublicPort > 0 {
		if _, err = d.open(ctx, "the public port", "", d.PublicPort, d.publicHandler(), d.MaxHeaderBytes); err != nil {
			return a, err
		}
	}
	// One address is enough, as for daprd: an alias of an interface that is down must not keep the others away.
	var missed []error
	for host := range strings.SplitSeq(d.ListenAddress, ",") {
		addr, err := d.open(ctx, "the HTTP API", strings.TrimSpace(host), d.HTTPPort, d.apiHandler(), d.MaxHeaderBytes)
		switch {
		case err != nil:
			missed = append(missed, err)
		case a.HTTP == "":
			a.HTTP = addr
		}
	}
	if a.HTTP == "" {
		return a, errors.Join(missed...)
	}
	for _, err := range missed {
		d.log.warn("%s", err)
	}
	return a, nil
}

// open listens and serves; maxHeader is 0 for net/http's own limit.
func (d *doors) open(ctx context.Context, what, host string, port int, h http.Handler, maxHeader int) (string, error) {
	l, err := d.Listen(ctx, net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return "", fmt.Errorf("listen for %s: %w", what, err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, MaxHeaderBytes: maxHeader, ErrorLog: d.log.std()}
	d.servers = append(d.servers, srv)
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			select {
			case d.failed <- fmt.Errorf("serve %s: %w", what, err):
			default: // one failure ends the sidecar already
			}
		}
	}()
	return l.Addr().String(), nil
}

// end lets requests in flight finish. The API goes first: while its requests finish, other sidecars' may still be
// served.
func (d *doors) end(ctx context.Context) error {
	var all error
	for i := len(d.servers) - 1; i >= 0; i-- {
		all = errors.Join(all, d.servers[i].Shutdown(ctx))
	}
	return all
}

func (d *doors) close() {
	for _, srv := range d.servers {
		srv.Close()
	}
}
