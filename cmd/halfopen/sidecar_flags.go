package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/halfopen/halfopen/sidecar"
)

// sidecarFlags are daprd's, and a few of this sidecar's own.
type sidecarFlags struct {
	config     sidecar.Config
	resources  []string
	components []string // the same, by its old name
	peers      []string
	protocol   string
	discovery  bool
	metrics    bool
	wording    string
	grace      int
	maxBody    string // 4Mi
	maxBodyMiB int
	buffer     string // 4Ki
	bufferKiB  int
}

func (s *sidecarFlags) add(f *pflag.FlagSet) {
	c := &s.config
	f.StringVar(&c.AppID, "app-id", "", "the app's `id`: others call it by this name")
	f.IntVar(&c.AppPort, "app-port", 0, "the port that the app listens on; 0 for an app that only calls")
	f.StringVar(&c.AppAddress, "app-channel-address", "127.0.0.1", "the address that the app listens on")
	f.StringVar(&s.protocol, "app-protocol", "http", "what the app speaks: http")
	f.IntVar(&c.MaxConcurrency, "app-max-concurrency", -1, "how many requests the app gets at a time; -1 for no limit")
	f.StringArrayVar(&s.resources, "resources-path", nil, "a `folder` with Resiliency files (may be repeated)")
	f.StringArrayVar(&s.components, "components-path", nil, "a folder, by the old name of --resources-path")
	f.StringVar(&c.ListenAddress, "dapr-listen-addresses", "127.0.0.1", "the `addresses` of the API, with commas between them")
	f.IntVar(&c.HTTPPort, "dapr-http-port", 3500, "the port of the HTTP API")
	f.IntVar(&c.PublicPort, "dapr-public-port", 0, "a port for health and metadata only; 0 for none")
	f.IntVar(&c.InternalPort, "dapr-internal-grpc-port", 0, "the port for other sidecars; 0 for a free one")
	f.StringVar(&c.PeerAddress, "dapr-internal-grpc-listen-address", "", "the address for other sidecars; that of the API if empty")
	f.BoolVar(&s.metrics, "enable-metrics", true, "serve metrics, if there is a --metrics-port")
	f.IntVar(&c.MetricsPort, "metrics-port", 0, "the port of the metrics; 0 for none")
	f.StringVar(&c.MetricsAddress, "metrics-listen-address", "127.0.0.1", "the address of the metrics")
	f.StringVar(&c.Log.Level, "log-level", "info", "debug | info | warn | error")
	f.BoolVar(&c.Log.JSON, "log-as-json", false, "log one JSON object a line")
	f.BoolVar(&c.LogCalls, "enable-api-logging", false, "log each call of the API")
	f.StringVar(&s.wording, "log-wording", "page", "page: the quickstart page's lines; daprd: those of daprd 1.14 and later")
	f.IntVar(&s.grace, "dapr-graceful-shutdown-seconds", 5, "how long requests in flight may take at the end")
	f.StringVar(&s.maxBody, "max-body-size", "4Mi", "the largest body of a request")
	f.IntVar(&s.maxBodyMiB, "dapr-http-max-request-size", 0, "the largest body of a request, in MiB, by its old name")
	f.StringVar(&s.buffer, "read-buffer-size", "4Ki", "the largest head of a request")
	f.IntVar(&s.bufferKiB, "dapr-http-read-buffer-size", 0, "the largest head of a request, in KiB, by its old name")
	f.StringArrayVar(&s.peers, "peer", nil, "where another app's sidecar is: `APP=HOST:PORT` (may be repeated)")
	f.BoolVar(&s.discovery, "discovery", true, "find and be found by other sidecars of this user on this machine")
	for _, old := range []string{"components-path", "dapr-http-max-request-size", "dapr-http-read-buffer-size"} {
		f.Lookup(old).Hidden = true
	}
	for _, name := range withoutEffect {
		f.String(name, "", "daprd's; has no effect here")
		if slices.Contains(switches, name) {
			f.Lookup(name).NoOptDefVal = "true"
		}
		f.Lookup(name).Hidden = true
	}
}

// withoutEffect are flags of daprd that are taken, so that a script which starts daprd starts this sidecar too.
var withoutEffect = []string{
	"dapr-grpc-port", "mode", "config", "enable-mtls", "enable-app-health-check", "enable-profiling", "app-ssl",
	"app-health-check-path", "app-health-probe-interval", "app-health-probe-timeout", "app-health-threshold",
	"app-health-port", "placement-host-address", "scheduler-host-address", "actors-service", "reminders-service",
	"profile-port", "trust-domain", "control-plane-address", "control-plane-trust-domain", "control-plane-namespace",
	"sentry-address", "unix-domain-socket", "dapr-block-shutdown-duration", "disable-builtin-k8s-secret-store",
	"disable-init-endpoints", "allowed-origins",
}

// switches are those of them that stand without a value.
var switches = []string{
	"enable-mtls", "enable-app-health-check", "enable-profiling", "app-ssl", "disable-builtin-k8s-secret-store",
}

// warn names what was given and has no effect, in one line.
func (s *sidecarFlags) warn(f *pflag.FlagSet, w io.Writer) {
	harmless := map[string]string{
		"mode": "standalone", "enable-mtls": "false", "enable-app-health-check": "false", "enable-profiling": "false",
		"app-ssl": "false", "allowed-origins": "*",
	}
	var given []string
	f.Visit(func(g *pflag.Flag) {
		if slices.Contains(withoutEffect, g.Name) && harmless[g.Name] != g.Value.String() && g.Name != "dapr-grpc-port" {
			given = append(given, "--"+g.Name)
		}
	})
	if len(given) > 0 {
		fmt.Fprintf(w, "halfopen: no effect in this sidecar: %s\n", strings.Join(given, ", "))
	}
}

// sizes gives the limits of a request's body and head, in bytes.
func (s *sidecarFlags) sizes() (body int64, head int, err error) {
	if body, err = quantity(s.maxBody); err != nil {
		return 0, 0, fmt.Errorf("--max-body-size %q: %w", s.maxBody, err)
	}
	if s.maxBodyMiB > 0 {
		body = int64(s.maxBodyMiB) << 20
	}
	buffer, err := quantity(s.buffer)
	if err != nil {
		return 0, 0, fmt.Errorf("--read-buffer-size %q: %w", s.buffer, err)
	}
	if s.bufferKiB > 0 {
		buffer = int64(s.bufferKiB) << 10
	}
	return body, int(min(buffer, 1<<30)), nil
}

// quantity reads Kubernetes' form of a number of bytes, as far as sizes need it.
func quantity(text string) (int64, error) {
	units := []struct {
		suffix string
		bytes  int64
	}{{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"", 1}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil || n <= 0 {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("want a number of bytes such as 4Mi, 512Ki or 4000000")
}

// doubleDash rewrites -app-id to --app-id: daprd takes both. Only flags that are known by such a name are meant, and
// nothing after --, which is an app's.
func doubleDash(f *pflag.FlagSet, args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && len(name) > 1 && f.Lookup(name) != nil {
			out[i] = "-" + arg
		}
	}
	return out
}
