package main

import (
	"cmp"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"

	"github.com/hashicorp/mdns"
)

// announce tells where this daprd is: by mDNS, as a service that is named like the app. With nameformat nobody is told.
//
// https://github.com/dapr/components-contrib/blob/main/nameresolution/mdns/mdns.go
func (d *daprd) announce() (withdraw func(), err error) {
	if d.format != "" {
		d.log.info("dapr.runtime", "Initialized name resolution to nameformat")
		return func() {}, nil
	}
	at, err := outward()
	if err != nil {
		return nil, fmt.Errorf("error from zeroconf register: %w", err)
	}
	ip, port := d.announced(at.ip), d.portOnly
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("port is missing or invalid: %w", err)
	}
	host, _ := os.Hostname()
	zone, err := mdns.NewMDNSService(fmt.Sprintf("%s:%d", host, os.Getpid()), d.id, "local.", host+".local.", number, []net.IP{ip}, []string{d.id})
	if err != nil {
		return nil, fmt.Errorf("error from zeroconf register: %w", err)
	}
	server, err := mdns.NewServer(&mdns.Config{Zone: zone, Iface: &at.on, Logger: quiet})
	if err != nil {
		return nil, fmt.Errorf("error from zeroconf register: %w", err)
	}
	d.log.info("dapr.contrib", "local service entry announced: %s -> %s", d.id, net.JoinHostPort(ip.String(), port))
	d.log.info("dapr.runtime", "Initialized name resolution to mdns")
	return func() {
		d.log.info("dapr.contrib", "stopping mDNS server for app id: %s", d.id)
		server.Shutdown()
	}, nil
}

// announced is the address that others are told: one that listens on localhost alone tells them that, whatever
// DAPR_HOST_IP says.
func (d *daprd) announced(own net.IP) net.IP {
	host, _, _ := net.SplitHostPort(d.internal)
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return ip
	}
	return net.ParseIP(cmp.Or(d.hostIP, own.String()))
}

var quiet = log.New(io.Discard, "", 0)

// An exit is the interface by which others are reached.
type exit struct {
	on net.Interface
	ip net.IP
}

// outward is the first interface that is up, takes multicasts and has an address: never the loopback.
func outward() (exit, error) {
	all, err := net.Interfaces()
	if err != nil {
		return exit{}, err
	}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			return exit{}, err
		}
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
				return exit{i, n.IP.To4()}, nil
			}
		}
	}
	return exit{}, fmt.Errorf("no interface takes multicasts")
}
