package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/halfopen/halfopen/cmd/halfopen/early"
	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/sidecar"
)

// settle reads what the flags name and fills in the world.
func (s *sidecarFlags) settle(out io.Writer) (sidecar.Config, error) {
	c := s.config
	if !strings.EqualFold(s.protocol, "http") {
		return c, fmt.Errorf("--app-protocol %s: this sidecar speaks http to its app (give --app-protocol http, or run daprd)", s.protocol)
	}
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
	if _, err := logrus.ParseLevel(c.Log.Level); err != nil {
		return c, fmt.Errorf("--log-level %q: want debug, info, warn or error", c.Log.Level)
	}
	if !s.metrics {
		c.MetricsPort = 0
	}
	if s.grace < 0 {
		return c, fmt.Errorf("--dapr-graceful-shutdown-seconds %d: want none or more", s.grace)
	}
	c.Grace = max(time.Duration(s.grace)*time.Second, time.Nanosecond) // 0 is daprd's word for none
	c.APIToken, c.AppToken = os.Getenv("DAPR_API_TOKEN"), os.Getenv("APP_API_TOKEN")
	var sizes error
	c.MaxBodyBytes, c.MaxHeaderBytes, sizes = s.sizes()
	if sizes != nil {
		return c, sizes
	}
	c.Peers = map[string]string{}
	for _, p := range s.peers {
		app, addr, ok := strings.Cut(p, "=")
		if _, _, err := net.SplitHostPort(addr); !ok || err != nil {
			return c, fmt.Errorf("--peer %q: want APP=HOST:PORT", p)
		}
		c.Peers[app] = addr
	}
	var err error
	if c.Resources, err = readResources(append(s.resources, s.components...)); err != nil {
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
		if dir == "" {
			continue // daprd's word for none
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("--resources-path: %w", err)
		}
		for _, e := range entries {
			if ext := strings.ToLower(filepath.Ext(e.Name())); e.IsDir() || (ext != ".yaml" && ext != ".yml") {
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
			ctx, end := context.WithCancel(context.WithoutCancel(cmd.Context()))
			defer end()
			defer context.AfterFunc(cmd.Context(), func() {
				signal.Reset(os.Interrupt, syscall.SIGTERM) // a second signal ends the process at once
				end()
			})()
			early.Settle()
			return sidecar.Run(ctx, c)
		},
	}
	s.add(cmd.Flags())
	cmd.AddCommand(newSidecarRunCommand())
	return cmd
}
