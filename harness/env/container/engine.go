package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/network"
	"golang.org/x/sync/errgroup"

	"github.com/halfopen/halfopen/harness/env"
)

// An Engine is a container engine that answers.
type Engine struct {
	client  *client.Client
	Version string // 20.10.24
	API     string // 1.41
	Host    string // unix:///var/run/docker.sock
	OS      string // linux
	Arch    string // amd64
}

// connectPatience bounds the question whether an engine answers.
const connectPatience = 3 * time.Second

// Connect finds the engine that DOCKER_HOST names, or the one that testcontainers-go finds.
// That none answers is an error with its reason in one line.
func Connect(ctx context.Context) (*Engine, error) {
	settle()
	type answer struct {
		engine *Engine
		err    error
	}
	got := make(chan answer, 1)
	go func() { // testcontainers-go panics where it is interrupted, and keeps what it found out by then for good
		var a answer
		defer func() {
			if r := recover(); r != nil {
				a = answer{err: fmt.Errorf("no container engine: %v", r)}
			}
			got <- a
		}()
		a.engine, a.err = connect(context.WithoutCancel(ctx))
	}()
	select {
	case a := <-got:
		return a.engine, a.err
	case <-ctx.Done():
		go func() {
			if a := <-got; a.engine != nil {
				a.engine.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

func connect(ctx context.Context) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	if os.Getenv("DOCKER_HOST") != "" { // what the user names is what is meant: no other engine will do
		plain, err := client.New(client.FromEnv)
		if err != nil {
			return nil, fmt.Errorf("no container engine: %w", err)
		}
		defer plain.Close()
		if _, err := plain.Ping(ctx, client.PingOptions{}); err != nil {
			return nil, fmt.Errorf("no container engine at DOCKER_HOST=%s: %w", os.Getenv("DOCKER_HOST"), oneLine(err))
		}
	}
	c, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("no container engine: %w", oneLine(err))
	}
	v, err := c.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("no container engine at %s: %w", c.DaemonHost(), oneLine(err))
	}
	return &Engine{client: c.Client, Version: v.Version, API: v.APIVersion, Host: c.DaemonHost(), OS: v.Os, Arch: v.Arch}, nil
}

// settle tells testcontainers-go, before its first call, what it can't find out by itself: on a machine that
// looks like a container it takes the default gateway for the engine's host, where no mapped port answers; and
// its reaper is an image from a registry, while we clean up by our own labels.
var settle = sync.OnceFunc(func() {
	log.SetDefault(log.NewNoopLogger())
	setDefault("TESTCONTAINERS_RYUK_DISABLED", "true")
	if host := os.Getenv("DOCKER_HOST"); host == "" || strings.HasPrefix(host, "unix://") {
		setDefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	}
})

func setDefault(name, value string) {
	if _, set := os.LookupEnv(name); !set {
		os.Setenv(name, value)
	}
}

// Close ends the connection.
func (e *Engine) Close() error { return e.client.Close() }

// Labels of everything that a run makes.
const (
	labelRun   = "halfopen.run"
	labelImage = "halfopen.image"
	labelOwner = "halfopen.owner" // HOST PID STARTED_MS of the harness
)

func labels(run string) map[string]string {
	self := env.Self()
	host, _ := os.Hostname()
	return map[string]string{
		labelRun:   run,
		labelOwner: fmt.Sprintf("%s %d %d", host, self.PID, self.StartedMS),
	}
}

// orphaned tells whether the harness that made a thing is gone, as far as this machine can know.
func orphaned(labels map[string]string) bool {
	parts := strings.Fields(labels[labelOwner])
	host, _ := os.Hostname()
	if len(parts) != 3 || parts[0] != host {
		return false // somebody else's machine: not ours to judge
	}
	pid, _ := strconv.Atoi(parts[1])
	started, _ := strconv.ParseInt(parts[2], 10, 64)
	return !env.Process{PID: pid, StartedMS: started}.Alive()
}

func (h *host) newNetwork(ctx context.Context) (*testcontainers.DockerNetwork, error) {
	return network.New(ctx, network.WithLabels(maps.Clone(h.labels)))
}

// Clean removes containers and networks of runs whose harness is gone (with all: of every run, and of any
// machine), and names the runs.
func (e *Engine) Clean(ctx context.Context, all bool) (runs []string, err error) {
	return e.remove(ctx, labelRun, func(labels map[string]string) bool { return all || orphaned(labels) })
}

// Reap removes what is left of one run.
func Reap(ctx context.Context, run string) error {
	e, err := Connect(ctx)
	if err != nil {
		return err
	}
	defer e.Close()
	ctx, cancel := context.WithTimeout(ctx, reapPatience)
	defer cancel()
	return e.reap(ctx, run, true) // the engine may still have been making one when the harness went
}

const reapPatience = time.Minute

// reap removes all of one run until nothing of it shows, and, where the engine may still be making some, stays for
// that. A removal that fails is tried again for a few seconds.
func (e *Engine) reap(ctx context.Context, run string, late bool) error {
	const pause, lateness, patience = 100 * time.Millisecond, 2 * time.Second, 5 * time.Second
	began := time.Now()
	quiet := began // since then nothing has shown
	for {
		runs, err := e.remove(ctx, labelRun+"="+run, func(map[string]string) bool { return true })
		switch {
		case err == nil && len(runs) == 0 && (!late || time.Since(quiet) >= lateness):
			return nil
		case err != nil || len(runs) > 0:
			quiet = time.Now()
		}
		if err != nil && time.Since(began) > patience {
			return err
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = context.Cause(ctx)
			}
			return err
		case <-time.After(pause):
		}
	}
}

// remove removes the containers and networks that carry a label and are chosen, and names their runs.
func (e *Engine) remove(ctx context.Context, label string, choose func(labels map[string]string) bool) (runs []string, err error) {
	filter := make(client.Filters).Add("label", label)
	containers, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	note := func(labels map[string]string) bool {
		if !choose(labels) {
			return false
		}
		if run := labels[labelRun]; !slices.Contains(runs, run) {
			runs = append(runs, run)
		}
		return true
	}
	var removing errgroup.Group
	for _, c := range containers.Items {
		if note(c.Labels) {
			removing.Go(func() error {
				_, err := e.client.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
				return ignoreGone(err)
			})
		}
	}
	err = removing.Wait()
	networks, lerr := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if lerr != nil {
		return runs, errors.Join(err, fmt.Errorf("list networks: %w", lerr))
	}
	for _, n := range networks.Items {
		if note(n.Labels) {
			_, rerr := e.client.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
			err = errors.Join(err, ignoreGone(rerr))
		}
	}
	return runs, err
}

// Left lists the containers and networks that exist of one run.
func Left(ctx context.Context, run string) ([]string, error) {
	e, err := Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	filter := make(client.Filters).Add("label", labelRun+"="+run)
	var out []string
	containers, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range containers.Items {
		out = append(out, fmt.Sprintf("container %s (%s)", strings.Join(c.Names, " "), c.State))
	}
	networks, err := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range networks.Items {
		out = append(out, "network "+n.Name)
	}
	return out, nil
}

// ignoreGone makes removing what is gone already a success.
func ignoreGone(err error) error {
	if cerrdefs.IsNotFound(err) || (err != nil && strings.Contains(err.Error(), "already in progress")) {
		return nil
	}
	return err
}

// oneLine keeps an engine's error to its first line.
func oneLine(err error) error {
	first, _, more := strings.Cut(err.Error(), "\n")
	if !more {
		return err
	}
	return errors.New(first)
}
