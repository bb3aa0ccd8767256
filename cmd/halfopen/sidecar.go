package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/sidecar"
)

// sidecarFlags are daprd's, as far as they have an effect here.
type sidecarFlags struct {
	config    sidecar.Config
	resources []string
	peers     []string
	discovery bool
	wording   string
	grace     int
}

func (s *sidecarFlags) add(f *pflag.FlagSet) {
	c := &s.config
	f.StringVar(&c.AppID, "app-id", "", "the app's `id`: others call it by this name")
	f.IntVar(&c.AppPort, "app-port", 0, "the port that the app listens on; 0 for an app that only calls")
	f.StringVar(&c.AppAddress, "app-channel-address", "127.0.0.1", "the address that the app listens on")
	f.StringArrayVar(&s.resources, "resources-path", nil, "a `folder` with Resiliency files (may be repeated)")
	f.StringVar(&c.ListenAddress, "dapr-listen-addresses", "127.0.0.1", "the address to listen on")
	f.IntVar(&c.HTTPPort, "dapr-http-port", 3500, "the port of the HTTP API")
	f.IntVar(&c.InternalPort, "dapr-internal-grpc-port", 0, "the port for other sidecars; 0 for a free one")
	f.IntVar(&c.MetricsPort, "metrics-port", 0, "the port of the metrics; 0 for none")
	f.StringVar(&c.MetricsAddress, "metrics-listen-address", "127.0.0.1", "the address of the metrics")
	f.StringVar(&c.Log.Level, "log-level", "info", "debug | info | warn | error")
	f.BoolVar(&c.Log.JSON, "log-as-json", false, "log one JSON object a line")
	f.StringVar(&s.wording, "log-wording", "page", "page: the quickstart page's lines; daprd: those of daprd 1.14 and later")
	f.IntVar(&s.grace, "dapr-graceful-shutdown-seconds", 5, "how long requests in flight may take at the end")
	f.StringArrayVar(&s.peers, "peer", nil, "where another app's sidecar is: `APP=HOST:PORT` (may be repeated)")
	f.BoolVar(&s.discovery, "discovery", true, "find and be found by other sidecars of this user on this machine")
	for _, name := range withoutEffect {
		f.String(name, "", "daprd's; has no effect here")
		if strings.HasPrefix(name, "enable-") {
			f.Lookup(name).NoOptDefVal = "true"
		}
		f.Lookup(name).Hidden = true
	}
}

// withoutEffect are flags of daprd that are taken, so that a script which starts daprd starts this sidecar too.
var withoutEffect = []string{
	"app-protocol", "dapr-grpc-port", "dapr-internal-grpc-listen-address", "dapr-public-port", "mode", "config",
	"enable-mtls", "enable-api-logging", "enable-app-health-check", "enable-metrics", "enable-profiling",
	"app-health-check-path", "app-health-probe-interval", "app-health-probe-timeout", "app-health-threshold",
	"app-max-concurrency", "placement-host-address", "scheduler-host-address", "profile-port", "trust-domain",
	"control-plane-address", "sentry-address", "max-body-size", "read-buffer-size", "unix-domain-socket",
}

// warn names what was given and has no effect, in one line.
func (s *sidecarFlags) warn(f *pflag.FlagSet, w io.Writer) {
	quiet := map[string]string{"app-protocol": "http", "mode": "standalone", "enable-mtls": "false"}
	var given []string
	f.Visit(func(g *pflag.Flag) {
		if slices.Contains(withoutEffect, g.Name) && quiet[g.Name] != g.Value.String() && g.Name != "dapr-grpc-port" {
			given = append(given, "--"+g.Name)
		}
	})
	if len(given) > 0 {
		fmt.Fprintf(w, "halfopen: no effect in this sidecar: %s\n", strings.Join(given, ", "))
	}
}

// settle reads what the flags name and fills in the world.
func (s *sidecarFlags) settle(out io.Writer) (sidecar.Config, error) {
	c := s.config
	if c.AppID == "" {
		return c, errors.New("--app-id is missing (the name by which others call the app)")
	}
	c.Out = out
	c.Log.Version = harness.Version()
	c.Log.Daprd = s.wording == "daprd"
	if !c.Log.Daprd && s.wording != "page" {
		return c, fmt.Errorf("--log-wording %q: want page or daprd", s.wording)
	}
	if f, ok := out.(*os.File); ok {
		c.Log.Terminal = term.IsTerminal(int(f.Fd()))
	}
	c.Grace = time.Duration(s.grace) * time.Second
	c.Peers = map[string]string{}
	for _, p := range s.peers {
		app, addr, ok := strings.Cut(p, "=")
		if _, _, err := net.SplitHostPort(addr); !ok || err != nil {
			return c, fmt.Errorf("--peer %q: want APP=HOST:PORT", p)
		}
		c.Peers[app] = addr
	}
	var err error
	if c.Resources, err = readResources(s.resources); err != nil {
		return c, err
	}
	if s.discovery {
		if c.Directory, err = sidecar.UserDirectory(); err != nil {
			return c, fmt.Errorf("find other sidecars: %w (or give --discovery=false)", err)
		}
	}
	c.Dial = (&net.Dialer{}).DialContext
	c.Listen = func(ctx context.Context, addr string) (net.Listener, error) {
		return (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	}
	return c, nil
}

// readResources takes all YAML files of some folders, by name.
func readResources(dirs []string) ([]sidecar.File, error) {
	var out []sidecar.File
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("--resources-path: %w", err)
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); e.IsDir() || (ext != ".yaml" && ext != ".yml") {
				continue
			}
			path := filepath.Join(dir, e.Name())
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("--resources-path: %w", err)
			}
			out = append(out, sidecar.File{Name: path, Data: text})
		}
	}
	return out, nil
}

func newSidecarCommand() *cobra.Command {
	var s sidecarFlags
	cmd := &cobra.Command{
		Use:   "sidecar",
		Short: "run a Dapr-compatible sidecar, with daprd's flags",
		Long: `Sidecar stands in for daprd: service invocation over HTTP under Resiliency specs. It takes daprd's flags;
"sidecar run" starts an app beside it, as "dapr run" does.`,
		Example: `  halfopen sidecar --app-id checkout --dapr-http-port 3500 --resources-path ./resources
  halfopen sidecar run --app-id order-processor --app-port 6001 --dapr-http-port 3501 -- go run .`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.warn(cmd.Flags(), cmd.ErrOrStderr())
			c, err := s.settle(cmd.OutOrStdout())
			if err != nil {
				return err
			}
			return sidecar.Run(cmd.Context(), c)
		},
	}
	s.add(cmd.Flags())
	cmd.AddCommand(newSidecarRunCommand())
	return cmd
}
