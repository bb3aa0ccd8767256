package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/sidecar/policy"
)

const quickstart = "../../scenarios/stop-order-processor/resiliency.yaml"

// A house is the processes of one benchmark.
type house struct {
	t      *testing.T
	binary string
	app    string // where the app listens
}

// A process is one that runs until the benchmark ends.
type process struct {
	addr string
	pid  int
	end  func()
}

func newHouse(t *testing.T, binary string) *house {
	h := &house{t: t, binary: binary, app: freeAddr(t)}
	_, port, _ := net.SplitHostPort(h.app)
	h.start(h.app, binary, []string{"APP_HOST=127.0.0.1", "APP_PORT=" + port}, "app", "order-processor")
	h.await(h.app)
	return h
}

// forwarders are two, as sidecars are two.
func (h *house) forwarders() string {
	self, err := os.Executable()
	require.NoError(h.t, err)
	first, second := freeAddr(h.t), freeAddr(h.t)
	h.start(second, self, []string{forwardAt + "=" + second, forwardTo + "=" + h.app})
	h.start(first, self, []string{forwardAt + "=" + first, forwardTo + "=" + second})
	h.await(first)
	h.await(second)
	return first
}

// sidecars are the caller's, under the quickstart's policies, and the app's.
func (h *house) sidecars() (caller, callee *process) {
	internal := freeAddr(h.t)
	_, appPort, _ := net.SplitHostPort(h.app)
	_, internalPort, _ := net.SplitHostPort(internal)
	callee = h.sidecar("--app-id=order-processor", "--app-port="+appPort, "--dapr-internal-grpc-port="+internalPort)
	caller = h.sidecar("--app-id=checkout", "--peer=order-processor="+internal)
	h.ready(callee)
	h.ready(caller)
	return caller, callee
}

func (h *house) sidecar(args ...string) *process {
	resources := filepath.Join(h.t.TempDir(), "resources")
	spec, err := os.ReadFile(quickstart)
	require.NoError(h.t, err)
	require.NoError(h.t, os.Mkdir(resources, 0o700))
	require.NoError(h.t, os.WriteFile(filepath.Join(resources, "resiliency.yaml"), spec, 0o600))
	addr, metrics := freeAddr(h.t), freeAddr(h.t)
	_, port, _ := net.SplitHostPort(addr)
	_, metricsPort, _ := net.SplitHostPort(metrics)
	return h.start(addr, h.binary, nil, append([]string{
		"sidecar", "--dapr-http-port=" + port, "--metrics-port=" + metricsPort, "--discovery=false", "--resources-path=" + resources,
	}, args...)...)
}

func (h *house) start(addr, binary string, env []string, args ...string) *process {
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	require.NoError(h.t, cmd.Start())
	p := &process{addr: addr, pid: cmd.Process.Pid}
	ended := false
	p.end = func() {
		if ended {
			return
		}
		ended = true
		cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		late.Stop()
	}
	h.t.Cleanup(p.end)
	return p
}

// await asks until something listens.
func (h *house) await(addr string) {
	for began := time.Now(); ; time.Sleep(200 * time.Microsecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return
		}
		require.Less(h.t, time.Since(began), 10*time.Second, "nothing listens at %s", addr)
	}
}

// ready asks until a sidecar says that it is healthy.
func (h *house) ready(p *process) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/v1.0/healthz", nil)
		require.NoError(h.t, err)
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusNoContent {
				return
			}
		}
		require.NoError(h.t, ctx.Err(), "%s is not healthy", p.addr)
		time.Sleep(200 * time.Microsecond)
	}
}

// readyAfter is the median time from the start of a sidecar's process to its being healthy, and for comparison that
// from the start of a bare forwarder to its listening. They take turns.
func (h *house) readyAfter() (sidecar, forwarder time.Duration) {
	self, err := os.Executable()
	require.NoError(h.t, err)
	var sidecars, forwarders []float64
	for range 15 {
		began := time.Now()
		p := h.sidecar("--app-id=checkout")
		h.ready(p)
		sidecars = append(sidecars, float64(time.Since(began)))
		p.end()
		began = time.Now()
		addr := freeAddr(h.t)
		p = h.start(addr, self, []string{forwardAt + "=" + addr, forwardTo + "=" + h.app})
		h.await(addr)
		forwarders = append(forwarders, float64(time.Since(began)))
		p.end()
	}
	return time.Duration(median(sidecars)), time.Duration(median(forwarders))
}

// residentMB is what a process holds in memory; 0 where /proc doesn't tell.
func (p *process) residentMB() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	kB, _ := strconv.Atoi(string(bytes.Fields(rest)[0]))
	return float64(kB) / 1024
}

func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// policyLayer is the median time in µs that the engine adds to an attempt that succeeds.
func policyLayer(t *testing.T) float64 {
	spec, err := os.ReadFile(quickstart)
	require.NoError(t, err)
	r, err := policy.Decode(spec)
	require.NoError(t, err)
	policies := policy.New()
	require.NoError(t, policies.Add(r))
	engine, target := policy.NewEngine(nil, nil), policies.For("order-processor")
	var all []float64
	for range rounds {
		all = append(all, float64(testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				engine.Do(t.Context(), target, "orders", false, func(context.Context, int) (int, error) { return http.StatusOK, nil })
			}
		}).NsPerOp())/1e3)
	}
	return median(all)
}
