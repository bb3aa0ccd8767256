package scenarios

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/apps/checkout"
	"github.com/halfopen/halfopen/apps/orderprocessor"
	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/sidecar"
)

// honest runs a part as the halfopen binary would, from the same arguments and environment.
func honest(ctx context.Context, p env.Part, w memory.World) error {
	args := readArgs(p.Role)
	getenv := environment(p.Env)
	switch p.Role[0] + " " + p.Role[1] {
	case "app order-processor":
		return orderprocessor.Run(ctx, orderprocessor.Config{
			Listen: func() (net.Listener, error) {
				return w.Listen(ctx, net.JoinHostPort(getenv["APP_HOST"], getenv["APP_PORT"]))
			},
			Out: w.Out,
		})
	case "app checkout":
		return checkout.Run(ctx, args.checkout(getenv, w))
	}
	return sidecar.Run(ctx, args.sidecar(p, w))
}

// arguments are flags of the command line: --name value, or --name=value.
type arguments map[string][]string

func readArgs(role []string) arguments {
	out := arguments{}
	for i := 0; i < len(role); i++ {
		name, isFlag := strings.CutPrefix(role[i], "--")
		if !isFlag {
			continue
		}
		if name, value, joined := strings.Cut(name, "="); joined {
			out[name] = append(out[name], value)
			continue
		}
		out[name] = append(out[name], role[i+1])
		i++
	}
	return out
}

func (a arguments) text(name string) string {
	if v := a[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

func (a arguments) number(name string) int {
	n, _ := strconv.Atoi(a.text(name))
	return n
}

func (a arguments) span(name string) time.Duration {
	d, _ := time.ParseDuration(a.text(name))
	return d
}

func environment(kv []string) map[string]string {
	out := map[string]string{}
	for _, s := range kv {
		k, v, _ := strings.Cut(s, "=")
		out[k] = v
	}
	return out
}

func (a arguments) checkout(getenv map[string]string, w memory.World) checkout.Config {
	c := checkout.Config{
		Endpoint: getenv["DAPR_HTTP_ENDPOINT"], To: a.text("to"), Method: a.text("method"), Path: a.text("path"), Body: a.text("body"),
		Every: a.span("every"), Callers: a.number("callers"), Timeout: a.span("timeout"), Until: a.text("until"),
		Headers: map[string]string{}, Dial: w.Dial, Out: w.Out,
	}
	for _, h := range a["header"] {
		k, v, _ := strings.Cut(h, ": ")
		c.Headers[k] = v
	}
	if c.Every <= 0 {
		c.Every = -1
	}
	return c
}

func (a arguments) sidecar(p env.Part, w memory.World) sidecar.Config {
	c := sidecar.Config{
		AppID: a.text("app-id"), AppPort: a.number("app-port"), AppAddress: a.text("app-channel-address"),
		HTTPPort: a.number("dapr-http-port"), InternalPort: a.number("dapr-internal-grpc-port"), MetricsPort: a.number("metrics-port"),
		ListenAddress: a.text("dapr-listen-addresses"), MetricsAddress: a.text("metrics-listen-address"),
		Peers: map[string]string{}, Listen: w.Listen, Dial: w.Dial, Out: w.Out,
	}
	for _, peer := range a["peer"] {
		app, addr, _ := strings.Cut(peer, "=")
		c.Peers[app] = addr
	}
	for _, f := range p.Files {
		c.Resources = append(c.Resources, sidecar.File{Name: f.Name, Data: f.Data})
	}
	return c
}

// rehearse plays a scenario in memory and judges it.
func rehearse(t *testing.T, r harness.Rehearsal) (c oracle.Case, v oracle.Verdict) {
	t.Helper()
	var err error
	synctest.Test(t, func(t *testing.T) { c, err = harness.Rehearse(t.Context(), r) })
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return c, oracle.Judge(c)
}

func TestScenariosInMemory(t *testing.T) {
	files, err := filepath.Glob("*/scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files, "no scenario found")
	var skipped []string
	faults, timings := 0, map[string]int{}
	for _, file := range files {
		t.Run(filepath.Dir(file), func(t *testing.T) {
			defer func() {
				if t.Skipped() {
					skipped = append(skipped, filepath.Dir(file))
				}
			}()
			s, spec, err := harness.Load(filepath.Dir(file))
			require.NoError(t, err)
			c, v := rehearse(t, harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(honest)})
			if v.Outcome != oracle.Pass {
				t.Fatal(told(c, v))
			}
			if name := filepath.Dir(file); name != "spec-that-does-not-load" { // whose load never starts
				faults += faultsAreTold(t, c, v)
			}
			for _, x := range oracle.Timings(c) {
				require.Zero(t, x.Error(), "nothing is late here: %+v", x)
				timings[x.Kind]++
			}
		})
	}
	require.Equal(t, scenariosNotInMemory, skipped)
	require.Greater(t, faults, 30)
	require.Greater(t, timings[oracle.TimingGap], 80)
	require.Greater(t, timings[oracle.TimingOpen], 20)
}
