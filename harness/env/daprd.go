package env

import (
	"net"
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

// Minor is the middle number of a version of Dapr; one without numbers (edge) is newer than all.
func (s Sidecar) Minor() int {
	parts := strings.FieldsFunc(s.Version, func(r rune) bool { return r == '.' || r == '-' || r == '+' })
	if len(parts) > 1 {
		if n, err := strconv.Atoi(parts[1]); err == nil {
			return n
		}
	}
	const newest = 1 << 16
	return newest
}

// Names of daprd's files below the folder of a part's files.
const (
	daprdResources = "resources"
	daprdConfig    = "config.yaml"
)

// Releases of daprd that have learnt a flag.
const (
	hasResourcesPath = 9 // --components-path before
	hasInternalHost  = 14
)

// daprd is how Dapr's own sidecar is started. It needs no control plane for calls of services, and is told of none.
//
// https://docs.dapr.io/reference/arguments-annotations-overview/
func (c *cluster) daprd(s scenario.Service) Part {
	place, program := c.places[s.Name], c.cfg.Sidecar
	args := append([]string{"--mode", "standalone"}, listening(s.Name, place)...)
	args = append(args,
		"--enable-mtls=false", "--log-level", "info", "--log-as-json",
		"--config", FilesDir+"/"+daprdConfig,
	)
	if program.Minor() >= hasInternalHost {
		args = append(args, "--dapr-internal-grpc-listen-address", place.Bind)
	}
	if tap, ok := c.taps[s.Name+"->app"]; ok {
		host, port, _ := net.SplitHostPort(tap)
		args = append(args, "--app-port", port, "--app-protocol", "http", "--app-channel-address", host)
	}
	p := Part{
		Service: s.Name, Part: history.Sidecar, Image: program.Image, Env: []string{"DAPR_HOST_IP=" + c.announced(s.Name)},
		Files: []File{{Name: daprdConfig, Data: c.configuration(s)}},
	}
	if spec, ok := c.cfg.Specs[s.Name]; ok {
		flag := "--resources-path"
		if program.Minor() < hasResourcesPath {
			flag = "--components-path"
		}
		args = append(args, flag, FilesDir+"/"+daprdResources)
		p.Files = append(p.Files, File{Name: daprdResources + "/" + SpecFile, Data: spec})
	}
	p.Command = args
	if p.Image == "" {
		p.Command = append([]string{program.Binary}, args...)
	}
	return p
}
