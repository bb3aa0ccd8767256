package env

import (
	"cmp"
	"fmt"
	"net"
	"strconv"

	"github.com/halfopen/halfopen/harness/scenario"
)

// One daprd must come to another by way of the link between them. By nameformat each caller is told its link. By mDNS
// the target announces it, as DAPR_HOST_IP and the port on which it listens itself: so the link's tap listens on that port
// number at the links' address, and the target on another address.
//
//	order-processor's daprd ── announces LINKS:20002 ──▶ checkout's daprd ── dials ──▶ tap LINKS:20002 ─▶ Toxiproxy ─▶ POD:20002

// configuration is the Configuration of a service's daprd. A caller without a link of its own calls nobody.
func (c *cluster) configuration(s scenario.Service) []byte {
	const head = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: halfopen\nspec:\n  nameResolution:\n    version: v1\n    component: "
	if c.announces() {
		return []byte(head + "mdns\n")
	}
	link := "127.0.0.1:1"
	for _, l := range c.cfg.Plan.Links {
		if l.Hop == scenario.HopToPeer && l.From == s.Name {
			link = c.taps[l.Name]
		}
	}
	return fmt.Appendf(nil, "%snameformat\n    configuration:\n      format: \"passthrough://{appid}/%s\"\n", head, link)
}

// announces tells whether daprd find each other by mDNS.
func (c *cluster) announces() bool {
	return c.cfg.Sidecar.Kind == scenario.Daprd && c.cfg.Plan.Scenario.Sidecar.Announces()
}

// firstAnnounced is the lowest port that is announced: below those that systems give out by themselves.
const firstAnnounced = 20002

// announce gives each service an internal port that no other has, where the links have one address for all.
func (c *cluster) announce() {
	if !c.announces() {
		return
	}
	port := firstAnnounced
	for _, s := range c.cfg.Plan.Scenario.Services {
		place := c.places[s.Name]
		for place.takes(port) {
			port++
		}
		place.Internal = port
		c.places[s.Name] = place
		port++
	}
}

// takes tells whether a service listens on a port besides its internal one.
func (p Place) takes(port int) bool {
	return port == p.App || port == p.HTTP || port == p.GRPC || port == p.Metrics
}

// listen is where a link's tap listens.
func (c *cluster) listen(l scenario.Link) string {
	at := c.host.Listen(l)
	if l.Hop != scenario.HopToPeer || !c.announces() {
		return at
	}
	host, _, _ := net.SplitHostPort(at)
	return net.JoinHostPort(host, strconv.Itoa(c.places[l.To].Internal))
}

// announced is the address that a service's daprd tells the others: that of the link to it, where there is one.
func (c *cluster) announced(service string) string {
	host := ""
	for _, l := range c.cfg.Plan.Links {
		if l.Hop == scenario.HopToPeer && l.To == service && c.announces() {
			host, _, _ = net.SplitHostPort(c.taps[l.Name])
		}
	}
	return cmp.Or(host, c.places[service].Host)
}
