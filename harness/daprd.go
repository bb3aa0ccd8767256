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
	if out.Binary, out.Image = FindDaprd(o.Daprd, s); out.Binary == "" && (ground != "container" || out.Image == "") {
		why := "not in " + EnvDaprd + ", not on PATH, not in ~/.dapr/bin"
		switch {
		case o.Daprd != "":
			why = o.Daprd + " is no program that can be run"
		case s.Sidecar.Binary != "":
			why = s.Sidecar.Binary + ", which the scenario names, is no program that can be run"
		case os.Getenv(EnvDaprd) != "":
			why = os.Getenv(EnvDaprd) + ", which " + EnvDaprd + " names, is no program that can be run"
		}
		return out, fmt.Errorf("%w: %s (get it with `dapr init --slim`, or from https://github.com/dapr/dapr/releases, and name it with --daprd PATH or %s)", ErrNoDaprd, why, EnvDaprd)
	}
	var err error
	if out.Binary != "" {
		out.Image = ""
		if ground == "container" {
			if err := container.Static(out.Binary, ""); err != nil {
				return out, fmt.Errorf("%w for containers: %w (Dapr's own releases are static; or name an image with --daprd)", ErrNoDaprd, err)
			}
		}
		out.Version, err = programVersion(ctx, out.Binary)
	} else {
		out.Version, err = imageVersion(ctx, out.Image)
	}
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrNoDaprd, err)
	}
	if want := s.Sidecar.Version; want != "" && !strings.HasPrefix(out.Version+".", want+".") && !strings.HasPrefix(out.Version, want+"-") {
		return out, fmt.Errorf("the scenario wants daprd %s, and %s is %s (give another one with --daprd)", want, cmp.Or(out.Binary, out.Image), out.Version)
	}
	return out, nil
}

// FindDaprd finds daprd: an executable, or "" and the image that stands for it in containers. named is a path, a name
// on PATH or an image; "" for what the scenario, HALFOPEN_DAPRD, PATH or `dapr init` have. Both are "" where the program
// that one of the first two names isn't there.
func FindDaprd(named string, s scenario.Scenario) (binary, image string) {
	runs := func(path string) string {
		if path == "" {
			return ""
		}
		found, err := exec.LookPath(path)
		if err != nil {
			return ""
		}
		if found, err = filepath.Abs(found); err != nil {
			return ""
		}
		return found
	}
	if named != "" {
		return runs(named), named
	}
	if own := s.Sidecar.Binary; own != "" {
		if !filepath.IsAbs(own) {
			own = filepath.Join(s.Dir, own)
		}
		return runs(own), ""
	}
	official := daprdImage + ":" + cmp.Or(s.Sidecar.Version, MeasuredDaprd)
	if s.Sidecar.Image != "" {
		return "", s.Sidecar.Image
	}
	if own := os.Getenv(EnvDaprd); own != "" {
		if found := runs(own); found != "" {
			return found, official
		}
		return "", ""
	}
	home, _ := os.UserHomeDir()
	for _, path := range []string{"daprd", filepath.Join(home, ".dapr", "bin", "daprd")} {
		if found := runs(path); found != "" {
			return found, official
		}
	}
	return "", official
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
	if v == "" || len(v) > 64 {
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
