package env

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// SpecFile is the name under which a sidecar finds its Resiliency file.
const SpecFile = "resiliency.yaml"

// sidecar is how a service's sidecar is started. The built-in one takes daprd's flags, and its peers behind their links.
func (c *cluster) sidecar(s scenario.Service) Part {
	if c.cfg.Sidecar.Kind == scenario.Daprd {
		return c.daprd(s)
	}
	place := c.places[s.Name]
	args := append([]string{"sidecar"}, listening(s.Name, place)...)
	args = append(args, "--discovery=false")
	if tap, ok := c.taps[s.Name+"->app"]; ok {
		host, port, _ := net.SplitHostPort(tap)
		args = append(args, "--app-port", port, "--app-protocol", "http", "--app-channel-address", host)
	}
	for _, l := range c.cfg.Plan.Links {
		if l.Hop == scenario.HopToPeer && l.From == s.Name {
			args = append(args, "--peer", l.To+"="+c.taps[l.Name])
		}
	}
	p := Part{Service: s.Name, Part: history.Sidecar}
	if spec, ok := c.cfg.Specs[s.Name]; ok {
		args = append(args, "--resources-path", FilesDir)
		p.Files = []File{{Name: SpecFile, Data: spec}}
	}
	p.Role = args
	return p
}

// app is how a service's app is started: a built-in role, or somebody's own program or image.
func (c *cluster) app(s scenario.Service) Part {
	place := c.places[s.Name]
	host := place.Bind
	if s.Host != "" {
		host = s.Host
	}
	p := Part{
		Service: s.Name, Part: history.App, Image: s.Image, Command: s.Command, Dir: c.cfg.Plan.Scenario.Dir,
		Env: []string{"APP_ID=" + s.Name, "APP_HOST=" + host, "APP_PORT=" + strconv.Itoa(place.App)},
	}
	sidecar, ok := c.taps[s.Name+"->sidecar"]
	if !ok { // it is not said to send: what it asks its sidecar crosses no link
		sidecar = net.JoinHostPort(place.Host, strconv.Itoa(place.HTTP))
	}
	at, port, _ := net.SplitHostPort(sidecar)
	p.Env = append(p.Env, "DAPR_HTTP_ENDPOINT=http://"+sidecar, "DAPR_HOST=http://"+at, "DAPR_HTTP_PORT="+port)
	for _, k := range sortedKeys(s.Env) {
		p.Env = append(p.Env, k+"="+s.Env[k])
	}
	if s.App != "" {
		p.Role = append([]string{"app", s.App}, sendFlags(s.Sends)...)
	}
	return p
}

// sendFlags tell the built-in checkout what to send.
func sendFlags(s *scenario.Sends) []string {
	if s == nil {
		return nil
	}
	flags := []string{
		"--to", s.To, "--method", s.Method, "--path", s.Path, "--body", s.Body,
		"--every", s.Every.String(), "--callers", strconv.Itoa(s.Callers),
		"--timeout", s.Timeout.String(), "--until", s.Until,
	}
	for _, k := range sortedKeys(s.Headers) {
		flags = append(flags, "--header", fmt.Sprintf("%s: %s", k, s.Headers[k]))
	}
	return flags
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// listening are the flags that tell a sidecar of either kind who it is and where it listens.
func listening(service string, place Place) []string {
	return []string{
		"--app-id", service,
		"--dapr-http-port", strconv.Itoa(place.HTTP),
		"--dapr-grpc-port", strconv.Itoa(place.GRPC),
		"--dapr-internal-grpc-port", strconv.Itoa(place.Internal),
		"--dapr-listen-addresses", place.Bind,
		"--metrics-port", strconv.Itoa(place.Metrics),
		"--metrics-listen-address", place.Bind,
	}
}
