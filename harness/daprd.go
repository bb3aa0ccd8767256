package harness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/env/container"
	"github.com/halfopen/halfopen/harness/scenario"
)

// ErrNoDaprd is given where daprd was asked for and there is none.
var ErrNoDaprd = errors.New("no daprd")

// daprdImage is Dapr's own, and MeasuredDaprd the release whose ways are written down, and taken where none is named.
const (
	daprdImage    = "daprio/daprd"
	MeasuredDaprd = "1.18.3"
)

// EnvDaprd names a daprd executable, for whoever gives no --daprd.
const EnvDaprd = "HALFOPEN_DAPRD"

// sidecar settles which program runs beside each app: what was asked for, else what the scenario says, else the
// built-in one. Without the program that is meant it is an error, with how to get it.
func sidecar(ctx context.Context, o Options, s scenario.Scenario, ground string) (env.Sidecar, error) {
	out := env.Sidecar{Kind: cmp.Or(o.Sidecar, s.Sidecar.Kind, scenario.Builtin), Version: Version()}
	switch {
	case out.Kind == scenario.Builtin && o.Daprd != "" && o.Sidecar == "":
		out.Kind = scenario.Daprd
	case out.Kind == scenario.Builtin && o.Daprd != "":
		return out, fmt.Errorf("--daprd %s beside --sidecar builtin: keep one of them", o.Daprd)
	case out.Kind != scenario.Builtin && out.Kind != scenario.Daprd:
		return out, fmt.Errorf("sidecar %q: want builtin or daprd", out.Kind)
	}
	if out.Kind == scenario.Builtin {
		return out, nil
	}
	out, err := FindDaprd(ctx, o.Daprd, s, ground)
	if err != nil {
		return out, err
	}
	if out.Binary == "" {
		if out.Version, err = imageVersion(ctx, out.Image); err != nil {
			return out, fmt.Errorf("%w: %w", ErrNoDaprd, err)
		}
	} else if ground == "container" {
		if err := container.Static(out.Binary, ""); err != nil {
			return out, fmt.Errorf("%w for containers: %w (Dapr's own releases are static; or name an image with --daprd)", ErrNoDaprd, err)
		}
	}
	if want := s.Sidecar.Version; !isRelease(out.Version, want) {
		return out, fmt.Errorf("the scenario wants daprd %s, and %s is %s (give another one with --daprd)", want, cmp.Or(out.Binary, out.Image), out.Version)
	}
	return out, TooOld(out, s.Sidecar)
}

// TooOld refuses a daprd that lacks what a run starts it with: it would end at once, or every call would fail.
func TooOld(d env.Sidecar, s scenario.Sidecar) error {
	what, since := d.Lacks(s.NameResolution)
	if what == "" {
		return nil
	}
	return fmt.Errorf("%s is daprd %s, which lacks %s (name one of %s or later with --daprd: https://github.com/dapr/dapr/releases has them)",
		cmp.Or(d.Binary, d.Image), d.Version, what, since)
}

// isRelease tells whether a version is the one that is wanted, or of it where that is 1.18; "" wants none.
func isRelease(version, want string) bool {
	return want == "" || strings.HasPrefix(version+".", want+".") || strings.HasPrefix(version, want+"-")
}

// published is a release of a wanted version that there is an image of: there is none of 1.18 as such.
func published(want string) string {
	switch {
	case isRelease(MeasuredDaprd, want):
		return MeasuredDaprd
	case strings.Count(want, ".") == 1:
		return want + ".0"
	}
	return want
}

// FindDaprd finds the daprd that is meant: an executable and the version that it tells, or in containers an image. What is
// named goes first, the nearest to the run before all others, and gives way to nothing; what is merely found gives way to
// what is named. named is what --daprd says: a path, a name on PATH or an image.
func FindDaprd(ctx context.Context, named string, s scenario.Scenario, ground string) (env.Sidecar, error) {
	containers := ground == "container"
	image := func(name string) (env.Sidecar, error) { return env.Sidecar{Kind: scenario.Daprd, Image: name}, nil }
	byEnv := os.Getenv(EnvDaprd)
	switch own := s.Sidecar; {
	case named != "" && containers && executable(named) == "" && !strings.ContainsAny(named[:1], "./~"): // no image's name begins so
		return image(named)
	case named != "":
		return program(ctx, named, named)
	case own.Binary != "" && filepath.IsAbs(own.Binary):
		return program(ctx, own.Binary, own.Binary+", which the scenario names,")
	case own.Binary != "":
		return program(ctx, filepath.Join(s.Dir, own.Binary), own.Binary+", which the scenario names,")
	case own.Image != "" && containers:
		return image(own.Image)
	case byEnv != "":
		return program(ctx, byEnv, byEnv+", which "+EnvDaprd+" names,")
	case own.Image != "":
		return env.Sidecar{}, fmt.Errorf("%w: %s, which the scenario names, is an image, and those run in containers alone (--env container, or name an executable with --daprd PATH or %s)", ErrNoDaprd, own.Image, EnvDaprd)
	}
	home, _ := os.UserHomeDir()
	found := cmp.Or(executable("daprd"), executable(filepath.Join(home, ".dapr", "bin", "daprd")))
	official := daprdImage + ":" + published(s.Sidecar.Version)
	switch {
	case found == "" && containers:
		return image(official)
	case found == "":
		return env.Sidecar{}, missing("not in " + EnvDaprd + ", not on PATH, not in ~/.dapr/bin")
	}
	out, err := program(ctx, found, found)
	if want := s.Sidecar.Version; containers && want != "" && (err != nil || !isRelease(out.Version, want)) {
		return image(official)
	}
	return out, err
}

// executable is the path of a program that can be run, by path or by name; "" where there is none.
func executable(path string) string {
	found, err := exec.LookPath(path)
	if err != nil {
		return ""
	}
	if found, err = filepath.Abs(found); err != nil {
		return ""
	}
	return found
}

// program is a daprd by its path or name; who is what an error calls it.
func program(ctx context.Context, path, who string) (env.Sidecar, error) {
	out := env.Sidecar{Kind: scenario.Daprd, Binary: executable(path)}
	if out.Binary == "" {
		return out, missing(who + " is no program that can be run")
	}
	var err error
	if out.Version, err = programVersion(ctx, out.Binary); err != nil {
		return out, fmt.Errorf("%w: %w", ErrNoDaprd, err)
	}
	return out, nil
}

func missing(why string) error {
	return fmt.Errorf("%w: %s (get it with `dapr init --slim`, or from https://github.com/dapr/dapr/releases, and name it with --daprd PATH or %s)", ErrNoDaprd, why, EnvDaprd)
}

// programVersion asks a daprd for its version.
func programVersion(ctx context.Context, binary string) (string, error) {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", binary, err)
	}
	return versionOf(text, binary)
}

func versionOf(text []byte, who string) (string, error) {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	v := strings.TrimPrefix(strings.TrimSpace(string(line)), "v")
	if v == "" || len(v) > 64 || strings.ContainsAny(v, " \t") {
		return "", fmt.Errorf("%s --version tells none", who)
	}
	return v, nil
}

// imageVersion asks the daprd of an image for its version. One that isn't here is asked for at its registry.
func imageVersion(ctx context.Context, image string) (string, error) {
	engine, err := container.Connect(ctx)
	if err != nil {
		return "", err
	}
	defer engine.Close()
	text, err := engine.Ask(ctx, image, "--version")
	if err != nil {
		return "", fmt.Errorf("image %s: %w (pull it, or name an executable with --daprd PATH or %s)", image, err, EnvDaprd)
	}
	return versionOf(text, image)
}
