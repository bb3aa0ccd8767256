package container

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
)

// filesDir is where a part finds its files.
const filesDir = "/resources"

// A pod is one part's container in its service's pod.
type pod struct {
	host *host
	part env.Part
	id   string
	logs *tail

	mu     sync.Mutex
	wanted bool          // its end was asked for
	done   chan struct{} // closed when it has ended and all it printed is recorded
}

// newPod creates and starts a part's container.
func (h *host) newPod(ctx context.Context, p env.Part) (*pod, error) {
	r := testcontainers.ContainerRequest{
		Name: h.name(p.Service, p.Part), Image: h.image, Cmd: replaceDir(p.Role),
		Env: envMap(replaceDir(p.Env)),
	}
	init := false
	switch {
	case p.Image != "":
		r.Image, r.Cmd, init = p.Image, replaceDir(p.Command), true
	case len(p.Command) > 0:
		return nil, fmt.Errorf("%s/%s: a command without an image needs the process environment", p.Service, p.Part)
	}
	for _, f := range p.Files {
		r.Files = append(r.Files, testcontainers.ContainerFile{
			Reader: bytes.NewReader(f.Data), ContainerFilePath: filesDir + "/" + f.Name, FileMode: 0o644,
		})
	}
	r.HostConfigModifier = h.inPod(p.Service, init)
	if tap := h.sidecars[p.Service]; tap != "" && p.Image != "" {
		if err := h.bringNear(ctx, p.Service, tap); err != nil {
			return nil, err
		}
	}
	c, err := h.run(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &pod{host: h, part: p, id: c.GetContainerID()}
	out.logs = newTail(h.engine.client, out.id, p, h.onRun)
	out.watch()
	return out, nil
}

// inPod puts a container into a service's pod.
func (h *host) inPod(service string, init bool) func(*container.HostConfig) {
	h.mu.Lock()
	holder := h.holders[service]
	h.mu.Unlock()
	return func(hc *container.HostConfig) {
		hc.NetworkMode = container.NetworkMode("container:" + holder)
		hc.Init = &init
	}
}

// bringNear lets the tap in front of a service's sidecar be reached on the pod's localhost, at the tap's own port:
// somebody's own app may look for its sidecar nowhere else.
func (h *host) bringNear(ctx context.Context, service, tap string) error {
	_, port, _ := net.SplitHostPort(tap)
	_, err := h.run(ctx, testcontainers.ContainerRequest{
		Name: h.name(service, "localhost"), Image: h.image,
		Cmd:                []string{"hold", "--forward", net.JoinHostPort("127.0.0.1", port) + "=" + tap},
		HostConfigModifier: h.inPod(service, false),
		WaitingFor:         wait.ForLog("forward ").WithPollInterval(10 * time.Millisecond),
	})
	if err != nil {
		return fmt.Errorf("bring the sidecar of %s near: %w", service, err)
	}
	return nil
}

// onRun records what was seen at a moment on the engine's clock.
func (h *host) onRun(at time.Time, e history.Event) {
	e.At = max(1, at.Sub(h.cfg.Record.Started().Round(0))-h.offset)
	h.cfg.Record.Record(e)
}

// restart starts the same container again, at the same address.
func (p *pod) restart(ctx context.Context) error {
	if _, err := p.host.engine.client.ContainerStart(ctx, p.id, client.ContainerStartOptions{}); err != nil {
		return err
	}
	p.watch()
	return nil
}

// watch follows the container's output and notes its end.
func (p *pod) watch() {
	ctx := context.Background() // ends with the container, which Close removes
	done := make(chan struct{})
	p.mu.Lock()
	p.wanted, p.done = false, done
	p.mu.Unlock()
	wait := p.host.engine.client.ContainerWait(ctx, p.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	go func() {
		defer close(done)
		ended := make(chan struct{})
		var following sync.WaitGroup
		following.Go(func() { p.logs.follow(ended) })
		select {
		case <-wait.Result:
		case <-wait.Error:
		}
		how, at, err := p.end(ctx)
		close(ended)
		following.Wait()
		if err != nil { // nobody knows whether it has ended
			p.host.cfg.Record.Record(history.Event{
				Source: history.Runner, Kind: history.KindProblem, Error: "lost sight of " + p.part.Service + "/" + p.part.Part + ": " + oneLine(err).Error(),
			})
			return
		}
		p.mu.Lock()
		wanted := p.wanted
		p.mu.Unlock()
		p.host.onRun(at, history.Event{
			Source: history.Runner, Kind: history.KindExit, Service: p.part.Service, Part: p.part.Part,
			Text: how, Attrs: map[string]string{"wanted": strconv.FormatBool(wanted)},
		})
	}()
}

// end tells how and when the container ended, by the engine's clock.
func (p *pod) end(ctx context.Context) (how string, at time.Time, err error) {
	at = time.Now().Round(0).Add(p.host.offset)
	got, err := p.host.engine.client.ContainerInspect(ctx, p.id, client.ContainerInspectOptions{})
	if ignoreGone(err) != nil {
		return "", at, err
	}
	if err != nil || got.Container.State == nil {
		return "removed", at, nil
	}
	s := got.Container.State
	if t, err := time.Parse(time.RFC3339Nano, s.FinishedAt); err == nil && t.Year() > 1 {
		at = t
	}
	const signalled = 128
	if s.ExitCode == signalled+9 {
		return "signal killed", at, nil
	}
	return "exit " + strconv.Itoa(s.ExitCode), at, nil
}

// signal ends, pauses or continues the container.
func (p *pod) signal(ctx context.Context, s env.Signal) error {
	c := p.host.engine.client
	var err error
	switch s {
	case env.Pause:
		_, err = c.ContainerPause(ctx, p.id, client.ContainerPauseOptions{})
		return err
	case env.Continue:
		_, err = c.ContainerUnpause(ctx, p.id, client.ContainerUnpauseOptions{})
		return err
	}
	p.expectEnd()
	if s == env.Kill {
		_, err = c.ContainerKill(ctx, p.id, client.ContainerKillOptions{})
	} else {
		grace := int(env.TermGrace.Seconds())
		_, err = c.ContainerStop(ctx, p.id, client.ContainerStopOptions{Timeout: &grace})
	}
	if err != nil {
		return err
	}
	p.wait(ctx)
	return ctx.Err()
}

func (p *pod) expectEnd() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
}

// wait waits until the container has ended and its last words are recorded.
func (p *pod) wait(ctx context.Context) {
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done(): // an engine that does not answer
	}
}

func replaceDir(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = strings.ReplaceAll(a, env.FilesDir, filesDir)
	}
	return out
}

func envMap(kv []string) map[string]string {
	out := map[string]string{}
	for _, s := range kv {
		k, v, _ := strings.Cut(s, "=")
		out[k] = v
	}
	return out
}
