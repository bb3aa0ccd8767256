package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/history"
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

	NameResolution string `json:",omitempty"` // of daprd: NameFormat (default) | MDNS
}

// Ways in which a daprd finds another.
const (
	NameFormat = "nameformat" // each caller is told the link of its target
	MDNS       = "mdns"       // each target announces the link of its caller
)

// Announces tells whether daprd find each other by mDNS.
func (s Sidecar) Announces() bool { return s.NameResolution == MDNS }

var versionForm = regexp.MustCompile(`^\d+\.\d+(\.\d+)?([-+].*)?$`)

// sidecar reads `sidecar: daprd`, or the same as a map with more in it.
func (p *parser) sidecar(v document.Value) {
	if !v.Set() {
		return
	}
	s, kind := &p.s.Sidecar, v
	if v.IsMap() {
		f := v.Fields().Known("kind", "version", "image", "binary", "nameResolution")
		kind = f.Need("kind", "kind: daprd")
		s.Version, s.Image, s.Binary = f.Get("version").Text(), f.Get("image").Text(), f.Get("binary").Text()
		if s.Version != "" && !versionForm.MatchString(s.Version) {
			f.Get("version").Problem(fmt.Sprintf("%q is no version", s.Version), "version: 1.18.3")
		}
		if s.NameResolution = f.Get("nameResolution").Text(); f.Get("nameResolution").Set() && s.NameResolution != NameFormat && s.NameResolution != MDNS {
			f.Get("nameResolution").Problem(fmt.Sprintf("%q: want nameformat or mdns", s.NameResolution), "leave it out for nameformat")
		}
		if s.Image != "" && s.Binary != "" {
			f.Get("binary").Problem("stands beside `image:`", "keep one of them: of a binary an image is made where one is needed")
		}
		f.Done()
	}
	s.Kind = kind.Text()
	switch {
	case !kind.Set(): // that has been told
	case s.Kind != Builtin && s.Kind != Daprd:
		kind.Problem(fmt.Sprintf("no sidecar %q", s.Kind), "builtin or daprd")
	case s.Kind == Builtin && (s.Version != "" || s.Image != "" || s.Binary != "" || s.NameResolution != ""):
		v.Problem("version, image, binary and nameResolution are daprd's", "kind: daprd")
	}
}

// forgets is how long a target's daprd may be away at most: daprd asks again for an address every 30 s and forgets it
// 60 s after it was told, so the earliest 30 s after the target went. What it is asked then fails before it is counted.
//
// https://github.com/dapr/components-contrib/blob/main/nameresolution/mdns/mdns.go
const forgets = 30 * time.Second

// announced refuses what can't be seen where daprd find each other by mDNS.
func (p *parser) announced(v document.Value) {
	if !p.s.Sidecar.Announces() {
		return
	}
	v = v.Fields().Get("nameResolution")
	const hint = "leave nameResolution out: each caller is told its link then"
	callers := map[string]string{}
	for _, c := range p.s.Callers() {
		if other := callers[c.Sends.To]; other != "" {
			v.Problem(fmt.Sprintf("mdns: %s announces one address, and %s and %s would share it and its link", c.Sends.To, other, c.Name), hint)
		}
		callers[c.Sends.To] = c.Name
	}
	var away, anew string
	for _, step := range p.s.Timeline {
		f := step.Fault
		if f == nil || !slices.Contains([]string{Stop, Kill, Pause, Restart}, f.Kind) || f.Part == history.App {
			continue
		}
		if s := p.s.Service(f.Service); s != nil && s.Sends != nil && f.Kind != Pause {
			anew = f.Name
		}
		if callers[f.Service] == "" || f.Kind == Restart {
			continue
		}
		away = f.Name
		if f.For == 0 || f.For >= forgets {
			v.Problem(fmt.Sprintf("mdns: %s takes %s's daprd away, and after %s %s's forgets its address: what fails then is counted by nobody", f.Name, f.Service, forgets, callers[f.Service]),
				"give it a shorter `for:`, or "+hint)
		}
	}
	if away != "" && anew != "" {
		v.Problem(fmt.Sprintf("mdns: after %s a caller's daprd asks for its target's address anew, and %s takes that one's daprd away: what fails then is counted by nobody", anew, away), hint)
	}
}
