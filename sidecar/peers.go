package sidecar

import (
	"fmt"
	"net/http"
	"sync"
)

// peers knows where other apps' sidecars are and keeps connections to them.
type peers struct {
	config Config

	mu         sync.Mutex
	known      map[string]string // app id → address; from the configuration, or found and good so far
	transports map[string]*http.Transport
}

func newPeers(c Config) *peers {
	p := &peers{config: c, known: map[string]string{}, transports: map[string]*http.Transport{}}
	for app, addr := range c.Peers {
		p.known[app] = addr
	}
	return p
}

// find gives the address of an app's sidecar.
func (p *peers) find(app string) (string, error) {
	p.mu.Lock()
	addr, known := p.known[app]
	p.mu.Unlock()
	if known {
		return addr, nil
	}
	if p.config.Directory == nil {
		return "", fmt.Errorf("couldn't find service: %s", app)
	}
	addr, err := p.config.Directory.Find(app)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	p.known[app] = addr
	p.mu.Unlock()
	return addr, nil
}

// failed forgets what may be stale after a failed attempt: kept connections, and an address that was found.
// The next attempt dials anew.
func (p *peers) failed(app string) {
	p.transport(app).CloseIdleConnections()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, configured := p.config.Peers[app]; !configured {
		delete(p.known, app)
	}
}

// transport keeps the connections to one app's sidecar.
func (p *peers) transport(app string) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.transports[app]
	if t == nil {
		t = &http.Transport{DialContext: p.config.Dial, MaxIdleConnsPerHost: idlePerHost, DisableCompression: true}
		p.transports[app] = t
	}
	return t
}

func (p *peers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
}
