package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/env/container"
	"github.com/halfopen/halfopen/harness/env/process"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Ground is the environment that was chosen, and why.
type Ground struct {
	Name     string // process | container
	Why      string
	Binary   string
	Start    env.Start
	Versions map[string]string
}

// ErrNoEngine is given where containers were asked for and no engine answers.
var ErrNoEngine = errors.New("no container engine")

// suited is the environment that a scenario's services can run in: the one that was asked for, or for auto, the
// only one that will do and why.
func suited(s scenario.Scenario, asked string) (env, why string, err error) {
	for _, v := range s.Services {
		need, what := "", ""
		switch {
		case v.Image != "":
			need, what = "container", "an image"
		case len(v.Command) > 0:
			need, what = "process", "a command"
		default:
			continue
		}
		switch asked {
		case "", "auto":
			asked, why = need, v.Name+" is "+what
		case need:
		default:
			if why != "" {
				return "", "", Unsuited{fmt.Errorf("%s is %s and needs --env %s, but %s", v.Name, what, need, why)}
			}
			return "", "", Unsuited{fmt.Errorf("%s is %s and needs --env %s, not %s", v.Name, what, need, asked)}
		}
	}
	if s.Sidecar.Announces() {
		switch asked {
		case "", "auto", "container":
			if asked != "container" {
				asked, why = "container", "daprd announce themselves by mDNS"
			}
		default:
			return "", "", Unsuited{fmt.Errorf("nameResolution: mdns needs --env container, not %s: there daprd would announce itself on this machine's own network, and not on the run's (leave nameResolution out)", asked)}
		}
	}
	return asked, why, nil
}

// Choose takes the environment that was asked for: container without an engine is an error, so that a gate
// can't change its meaning silently; auto takes containers where an engine answers and processes otherwise.
func Choose(ctx context.Context, name, binary string) (Ground, error) {
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return Ground{}, fmt.Errorf("find the own program: %w", err)
		}
	}
	switch name {
	case "process":
		return inProcesses("asked for", binary), nil
	case "", "auto", "container":
	default:
		return Ground{}, fmt.Errorf("environment %q: want auto, container or process", name)
	}
	engine, err := container.Connect(ctx)
	if ctx.Err() != nil { // nobody knows whether there is one
		if engine != nil {
			engine.Close()
		}
		return Ground{}, context.Cause(ctx)
	}
	if err != nil {
		if name == "container" {
			return Ground{}, fmt.Errorf("%w: %w (start one, or use --env process)", ErrNoEngine, err)
		}
		return inProcesses(err.Error(), binary), nil
	}
	defer engine.Close()
	binary, err = staticBinary(ctx, binary, engine.Arch)
	if ctx.Err() != nil {
		return Ground{}, context.Cause(ctx)
	}
	if err != nil {
		if name == "container" {
			return Ground{}, err
		}
		return inProcesses(err.Error(), binary), nil
	}
	why := "asked for"
	if name != "container" {
		why = "an engine answers at " + engine.Host
	}
	return Ground{
		Name: "container", Why: why, Binary: binary, Start: container.Start,
		Versions: map[string]string{"engine": engine.Version, "engine_api": engine.API},
	}, nil
}

func inProcesses(why, binary string) Ground {
	return Ground{Name: "process", Why: why, Binary: binary, Start: process.Start}
}

// staticBinary gives a program that can run in an image of its own: binary itself where it is static, else one
// built from the same module, where this is a checkout of it and Go is there.
func staticBinary(ctx context.Context, binary, arch string) (string, error) {
	err := container.Static(binary, arch)
	if err == nil {
		return binary, nil
	}
	cache, cerr := os.UserCacheDir()
	if cerr != nil {
		return binary, err
	}
	const program = "github.com/halfopen/halfopen/cmd/halfopen"
	out := filepath.Join(cache, "halfopen", "bin", "halfopen-linux-"+arch)
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, program)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if text, berr := build.CombinedOutput(); berr != nil {
		_ = text // no checkout here, or no Go: the first error tells what to do
		return binary, err
	}
	return out, nil
}
