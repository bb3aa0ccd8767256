package env

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Sidecar is the program that runs beside each app. The zero Sidecar is halfopen's own.
type Sidecar struct {
	Kind    string // scenario.Builtin | scenario.Daprd
	Version string // as the program itself tells it
	Binary  string // daprd's; in containers an image is made of it
	Image   string // daprd's, in containers
}

// Names of daprd's files below the folder of a part's files.
const (
	daprdResources = "resources"
	daprdConfig    = "config.yaml"
)

var release = regexp.MustCompile(`^v?[01]\.(\d{1,4})`)

// fewer is the flavour of Dapr's releases without components that are no more than alpha, as nameformat is. It stands in its
// version, and in its image's name.
//
// https://github.com/dapr/dapr/blob/v1.18.3/cmd/daprd/components/nameresolution_nameformat.go
const fewer = "stablecomponents"

// Lacks is what a daprd can't do that a run asks of it, with that way of name resolution, and the release that has learnt it;
// "" where it lacks nothing. A version that names no release (edge) is taken for newer than all.
func (s Sidecar) Lacks(resolution string) (what, since string) {
	if resolution != scenario.MDNS && strings.Contains(s.Version+" "+s.Image, fewer) {
		return "the name resolver nameformat, as all of its flavour do", "daprio/daprd:1.18.0"
	}
	m := release.FindStringSubmatch(s.Version)
	if m == nil {
		return "", ""
	}
	const hasAddresses, hasNameFormat = 14, 18
	minor, _ := strconv.Atoi(m[1]) // at most four digits
	switch {
	case resolution != scenario.MDNS && minor < hasNameFormat:
		return "the name resolver nameformat", fmt.Sprintf("1.%d.0", hasNameFormat)
	case minor < hasAddresses:
		return "--dapr-internal-grpc-listen-address and --metrics-listen-address", fmt.Sprintf("1.%d.0", hasAddresses)
	}
	return "", ""
}

// daprd is how Dapr's own sidecar is started. It needs no control plane for calls of services, and is told of none.
//
// https://docs.dapr.io/reference/arguments-annotations-overview/
func (c *cluster) daprd(s scenario.Service) Part {
	place, program := c.places[s.Name], c.cfg.Sidecar
	args := append([]string{"--mode", "standalone"}, listening(s.Name, place)...)
	args = append(args,
		"--enable-mtls=false", "--log-level", "info", "--log-as-json",
		"--config", FilesDir+"/"+daprdConfig, "--dapr-internal-grpc-listen-address", place.Bind,
	)
	if tap, ok := c.taps[s.Name+"->app"]; ok {
		host, port, _ := net.SplitHostPort(tap)
		args = append(args, "--app-port", port, "--app-protocol", "http", "--app-channel-address", host)
	}
	p := Part{
		Service: s.Name, Part: history.Sidecar, Image: program.Image, Env: []string{"DAPR_HOST_IP=" + c.announced(s.Name)},
		Files: []File{{Name: daprdConfig, Data: c.configuration(s)}},
	}
	if spec, ok := c.cfg.Specs[s.Name]; ok {
		args = append(args, "--resources-path", FilesDir+"/"+daprdResources)
		p.Files = append(p.Files, File{Name: daprdResources + "/" + SpecFile, Data: spec})
	}
	p.Command = args
	if p.Image == "" {
		p.Command = append([]string{program.Binary}, args...)
	}
	return p
}
