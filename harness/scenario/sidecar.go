package scenario

import (
	"fmt"
	"regexp"

	"github.com/halfopen/halfopen/harness/document"
)

// Kinds of sidecars.
const (
	Builtin = "builtin" // halfopen's own
	Daprd   = "daprd"   // Dapr's
)

// A Sidecar says which program runs beside each app. The zero Sidecar leaves that to the command line, and then to
// the built-in one.
type Sidecar struct {
	Kind    string // Builtin | Daprd
	Version string // of daprd: 1.18.3; "" for whatever is found
	Image   string // of daprd, for containers; "" for daprio/daprd:VERSION
	Binary  string // of daprd, relative to Dir; "" for the one that is found
}

var versionForm = regexp.MustCompile(`^\d+\.\d+(\.\d+)?([-+].*)?$`)

// sidecar reads `sidecar: daprd`, or the same as a map with more in it.
func (p *parser) sidecar(v document.Value) {
	if !v.Set() {
		return
	}
	s, kind := &p.s.Sidecar, v
	if v.IsMap() {
		f := v.Fields()
		kind = f.Need("kind", "kind: daprd")
		s.Version, s.Image, s.Binary = f.Get("version").Text(), f.Get("image").Text(), f.Get("binary").Text()
		if s.Version != "" && !versionForm.MatchString(s.Version) {
			f.Get("version").Problem(fmt.Sprintf("%q is no version", s.Version), "version: 1.18.3")
		}
		if s.Image != "" && s.Binary != "" {
			f.Get("binary").Problem("stands beside `image:`", "keep one of them: of a binary an image is made where one is needed")
		}
		f.Done()
	}
	s.Kind = kind.Text()
	switch {
	case s.Kind != Builtin && s.Kind != Daprd:
		kind.Problem(fmt.Sprintf("no sidecar %q", s.Kind), "builtin or daprd")
	case s.Kind == Builtin && (s.Version != "" || s.Image != "" || s.Binary != ""):
		v.Problem("version, image and binary are daprd's", "kind: daprd")
	}
}
