// Package link is one hop between two parts: a tap that sees everything, and Toxiproxy behind it that disturbs it.
//
//	client ─▶ tap ─▶ Toxiproxy ─▶ upstream
//	          │ accept, request, response, complete, close
//	          ▼
//	       history
//
// The tap stands in front because Toxiproxy is blind where it matters: it dials first and starts its toxics only
// when that succeeded, so an attempt at a dead upstream leaves no trace in it.
package link

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/theory/jsonpath"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Record takes one observation and the moment when it was made, on the observer's own clock.
type Record func(at time.Time, e history.Event)

// A tap forwards one link's connections to Toxiproxy and records what crosses.
type tap struct {
	link     string
	listener net.Listener
	dial     func() (net.Conn, error) // to Toxiproxy
	record   Record

	ids    []*jsonpath.Path // where else than in a header an order's id may stand
	door   bool             // requests pass one by one, by way of the doors
	doors  list[*door]
	limits list[*limiter]
	resets list[*scenario.Fault]

	refusing atomic.Int32 // how many refuse faults are on
	last     atomic.Uint64

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
	done   sync.WaitGroup
}

func newTap(c Config, l net.Listener, dial func() (net.Conn, error), record Record) *tap {
	t := &tap{link: c.Name, ids: c.paths, door: c.Door, listener: l, dial: dial, record: record, open: map[*conn]struct{}{}}
	t.done.Add(1)
	go t.serve()
	return t
}

// serve accepts until the listener is closed.
func (t *tap) serve() {
	defer t.done.Done()
	for {
		client, err := t.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, say: the next client may have more luck
			t.event(time.Now(), history.Event{Kind: history.KindProblem, Error: "accept: " + err.Error()})
			time.Sleep(acceptPause)
			continue
		}
		c := &conn{tap: t, id: t.last.Add(1), client: client}
		if !t.add(c) {
			client.Close()
			return
		}
		go func() {
			defer t.done.Done()
			defer t.remove(c)
			c.run()
		}()
	}
}

// acceptPause keeps a tap that can't accept from spinning.
const acceptPause = 10 * time.Millisecond

func (t *tap) add(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.open[c] = struct{}{}
	t.done.Add(1)
	return true
}

func (t *tap) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, c)
}

// live is how many connections are open now.
func (t *tap) live() []*conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]*conn, 0, len(t.open))
	for c := range t.open {
		out = append(out, c)
	}
	return out
}

// resetAll ends every live connection with a reset; why is a close event's text.
func (t *tap) resetAll(why string) {
	for _, c := range t.live() {
		c.ended("tap", why)
		c.reset()
	}
}

// close ends the listener and all connections, and waits for their last events.
func (t *tap) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.listener.Close()
	t.resetAll("teardown")
	t.done.Wait()
}

// event fills in what all events of a link share.
func (t *tap) event(at time.Time, e history.Event) {
	e.Source, e.Link = history.Links, t.link
	t.record(at, e)
}
