package container

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/singleflight"
)

// Image makes the one image that every role runs from, FROM scratch and from binary alone, and gives its name.
// An image of the very same binary is taken as it is.
func (e *Engine) Image(ctx context.Context, binary string) (string, error) {
	return e.imageOf(ctx, binary, "halfopen", "halfopen")
}

// Daprd makes an image of a daprd executable, FROM scratch, with the entry point of Dapr's own, and gives its name.
func (e *Engine) Daprd(ctx context.Context, binary string) (string, error) {
	return e.imageOf(ctx, binary, "halfopen-daprd", "daprd")
}

func (e *Engine) imageOf(ctx context.Context, binary, repository, program string) (string, error) {
	if err := Static(binary, e.Arch); err != nil {
		return "", err
	}
	text, err := os.ReadFile(binary)
	if err != nil {
		return "", fmt.Errorf("make the image: %w", err)
	}
	sum := sha256.Sum256(text)
	name := repository + ":" + hex.EncodeToString(sum[:6])
	_, err, _ = building.Do(e.Host+" "+name, func() (any, error) { return nil, e.build(ctx, name, program, text) })
	return name, err
}

// building lets runs that start at once share one build.
var building singleflight.Group

// build makes an image unless it is there.
func (e *Engine) build(ctx context.Context, name, program string, text []byte) error {
	if _, err := e.client.ImageInspect(ctx, name); err == nil {
		return nil
	}
	built, err := e.client.ImageBuild(ctx, buildContext(program, text), client.ImageBuildOptions{
		Tags: []string{name}, Dockerfile: "Dockerfile", Remove: true, ForceRemove: true,
		Labels: map[string]string{labelImage: "true"},
	})
	if err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	defer built.Body.Close()
	if err := buildError(built.Body); err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	return nil
}

// CleanImages removes the images of programs that no container uses, and tells how many.
func (e *Engine) CleanImages(ctx context.Context) (int, error) {
	images, err := e.client.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("label", labelImage)})
	if err != nil {
		return 0, fmt.Errorf("list images: %w", err)
	}
	removed := 0
	for _, i := range images.Items {
		_, rerr := e.client.ImageRemove(ctx, i.ID, client.ImageRemoveOptions{Force: len(i.RepoTags) > 1, PruneChildren: true})
		switch {
		case rerr == nil:
			removed++
		case !cerrdefs.IsConflict(rerr): // a container uses it
			err = errors.Join(err, ignoreGone(rerr))
		}
	}
	return removed, err
}

const dockerfile = `FROM scratch
COPY %[1]s /%[1]s
ENTRYPOINT ["/%[1]s"]
STOPSIGNAL SIGTERM
`

// buildContext is a tar of the Dockerfile and the program.
func buildContext(program string, text []byte) io.Reader {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{{"Dockerfile", 0o644, fmt.Appendf(nil, dockerfile, program)}, {program, 0o755, text}} {
		w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data))})
		w.Write(f.data)
	}
	w.Close()
	return &b
}

// buildError finds the error in the stream of a build's messages.
func buildError(messages io.Reader) error {
	in := json.NewDecoder(messages)
	for {
		var m struct {
			Error string `json:"error"`
		}
		if err := in.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
	}
}

func goarch(arch string) string {
	if arch == "" {
		return ""
	}
	return "GOARCH=" + arch
}

// ErrNotStatic says that a program can't run in an image of its own.
var ErrNotStatic = errors.New("not a static linux program")

// Static tells whether a program can run FROM scratch on an engine's architecture ("" for any).
func Static(binary, arch string) error {
	hint := strings.Join(strings.Fields("build it with CGO_ENABLED=0 GOOS=linux "+goarch(arch)), " ")
	f, err := elf.Open(binary)
	if err != nil {
		return fmt.Errorf("%s: %w (%s)", binary, ErrNotStatic, hint)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s: %w: it is linked dynamically (%s)", binary, ErrNotStatic, hint)
		}
	}
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	if want, known := machine[arch]; known && f.Machine != want {
		return fmt.Errorf("%s: %w: it is for another architecture than the engine's %s (%s)", binary, ErrNotStatic, arch, hint)
	}
	return nil
}
