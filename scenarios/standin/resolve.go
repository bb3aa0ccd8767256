package main

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/mdns"
)

// How daprd keeps what it was told by mDNS.
//
// https://github.com/dapr/components-contrib/blob/main/nameresolution/mdns/mdns.go
const (
	browseTimeout   = time.Second      // for the first answer
	refreshTimeout  = 3 * time.Second  // for another one, in the background
	refreshInterval = 30 * time.Second // of all that is known
	addressTTL      = 60 * time.Second // then an address is forgotten that nobody has told again
)

// A directory knows where others are by asking for them. The goodbye of one that ends is not heard, as daprd hears none.
type directory struct {
	browse func(ctx context.Context, app string) (address string, err error)

	mu    sync.Mutex
	known map[string]entry
}

type entry struct {
	address string
	until   time.Time
}

// find asks where another app's daprd is, where that is not known already.
func (d *directory) find(ctx context.Context, app string) (string, error) {
	d.mu.Lock()
	e, ok := d.known[app]
	d.mu.Unlock()
	if ok && time.Now().Before(e.until) {
		return e.address, nil
	}
	return d.ask(ctx, app, browseTimeout)
}

func (d *directory) ask(ctx context.Context, app string, patience time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	address, err := d.browse(ctx, app)
	if err != nil {
		return "", errors.New("couldn't find service: " + app)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[string]entry{}
	}
	d.known[app] = entry{address, time.Now().Add(addressTTL)}
	return address, nil
}

// refresh asks again for all that is known, until ctx ends.
func (d *directory) refresh(ctx context.Context) {
	t := time.NewTicker(refreshInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		d.mu.Lock()
		var apps []string
		for app := range d.known {
			apps = append(apps, app)
		}
		d.mu.Unlock()
		for _, app := range apps {
			d.ask(ctx, app, refreshTimeout) // one that does not answer is forgotten in time
		}
	}
}

// browse asks the network, by mDNS, and takes the first answer.
func browse(ctx context.Context, app string) (string, error) {
	at, err := outward()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan *mdns.ServiceEntry, 8)
	asked := make(chan error, 1)
	deadline, _ := ctx.Deadline()
	go func() {
		asked <- mdns.QueryContext(ctx, &mdns.QueryParam{
			Service: app, Domain: "local", Timeout: time.Until(deadline), Interface: &at.on, Entries: answers, DisableIPv6: true, Logger: quiet,
		})
	}()
	for {
		select {
		case a := <-answers:
			if a.AddrV4 != nil && strings.HasSuffix(a.Name, "."+app+".local.") {
				return net.JoinHostPort(a.AddrV4.String(), strconv.Itoa(a.Port)), nil
			}
		case err := <-asked:
			if err == nil {
				err = errors.New("nobody answered")
			}
			return "", err
		}
	}
}
