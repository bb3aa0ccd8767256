package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/halfopen/halfopen/harness/env/container"
	"github.com/halfopen/halfopen/harness/link"
)

// newLinkCommand is the role of the links' container: taps and Toxiproxy, worked from outside.
func newLinkCommand() *cobra.Command {
	var control, api string
	var links []string
	cmd := &cobra.Command{
		Use:    "link",
		Short:  "hold links: taps with Toxiproxy behind them",
		Hidden: true,
		Example: `  halfopen link --control :9900
  halfopen link --toxiproxy-api :8474 --link 'checkout->order-processor=:7001=order-processor:50002'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			s := link.NewServer()
			for _, text := range links {
				parts := strings.Split(text, "=")
				if len(parts) != 3 {
					return fmt.Errorf("--link %q: want NAME=LISTEN=UPSTREAM", text)
				}
				addr, err := s.Set().Open(link.Config{Name: parts[0], Listen: parts[1], Upstream: parts[2]})
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "link %s: %s to %s\n", parts[0], addr, parts[2])
			}
			all, ctx := errgroup.WithContext(cmd.Context())
			if api != "" {
				all.Go(func() error { return serveHTTP(ctx, api, s.Set().ToxiproxyAPI()) })
			}
			l, err := net.Listen("tcp", control)
			if err != nil {
				return err
			}
			all.Go(func() error { return s.Serve(ctx, l) })
			return all.Wait()
		},
	}
	cmd.Flags().StringVar(&control, "control", "127.0.0.1:9900", "where the harness works the links")
	cmd.Flags().StringVar(&api, "toxiproxy-api", "", "where Toxiproxy's own API answers, for toxiproxy-cli")
	cmd.Flags().StringArrayVar(&links, "link", nil, "open a link at once: `NAME=LISTEN=UPSTREAM`")
	return cmd
}

// serveHTTP answers on addr until ctx ends.
func serveHTTP(ctx context.Context, addr string, h http.Handler) error {
	srv := &http.Server{Addr: addr, Handler: h}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// newHoldCommand is the role of a pod's holder: it owns the network and does nothing, but for what it forwards.
func newHoldCommand() *cobra.Command {
	var forwards []string
	cmd := &cobra.Command{
		Use:    "hold",
		Short:  "hold a pod's network until told to end",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, ctx := errgroup.WithContext(cmd.Context())
			for _, text := range forwards {
				listen, to, ok := strings.Cut(text, "=")
				if !ok {
					return fmt.Errorf("--forward %q: want LISTEN=TO", text)
				}
				l, err := net.Listen("tcp", listen)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "forward %s to %s\n", listen, to)
				all.Go(func() error { return link.Forward(ctx, l, to) })
			}
			<-ctx.Done()
			return all.Wait()
		},
	}
	cmd.Flags().StringArrayVar(&forwards, "forward", nil, "hand connections on: `LISTEN=TO`")
	return cmd
}

// newReapCommand is the role of a watchdog: when its standard input ends, because the harness is gone, it removes
// what is left of the harness's run.
func newReapCommand() *cobra.Command {
	var run string
	cmd := &cobra.Command{
		Use:    "reap",
		Short:  "wait for the end of standard input, then remove a run's containers",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			io.Copy(io.Discard, cmd.InOrStdin())
			return container.Reap(context.Background(), run)
		},
	}
	cmd.Flags().StringVar(&run, "run", "", "the run's id")
	return cmd
}
