package main

import (
	"cmp"
	"errors"
	"net"
)

// announce tells where this daprd is. With nameformat nobody is told.
func (d *daprd) announce() (withdraw func(), err error) {
	if d.format != "" {
		d.log.info("dapr.runtime", "Initialized name resolution to nameformat")
		return func() {}, nil
	}
	host, _, _ := net.SplitHostPort(d.internal)
	address := net.JoinHostPort(cmp.Or(d.hostIP, host), d.portOnly)
	d.log.info("dapr.contrib", "local service entry announced: %s -> %s", d.id, address)
	d.log.info("dapr.runtime", "Initialized name resolution to mdns")
	return func() { d.log.info("dapr.contrib", "stopping mDNS server for app id: %s", d.id) }, nil
}

// find asks where another app's daprd is.
func find(app string) (string, error) {
	return "", errors.New("couldn't find service: " + app)
}
