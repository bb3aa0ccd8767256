package link

import (
	"bufio"
	"io"
	"net/http"
)

// hang takes a request and never answers it.
func (c *conn) hang(d *door, in *bufio.Reader, head []byte, r *http.Request) error {
	in.Discard(len(head))
	if err := body(io.Discard, in, r); err != nil {
		return err
	}
	d.keep(c)
	defer d.forget(c)
	for { // until the client has had enough, or the fault is healed
		if _, err := in.Peek(in.Buffered() + 1); err != nil {
			return err
		}
	}
}

func (d *door) keep(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil { // healed meanwhile
		c.hangUp()
		return
	}
	d.kept[c] = struct{}{}
}

func (d *door) forget(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.kept, c)
}

func (d *door) letGo() {
	d.mu.Lock()
	kept := d.kept
	d.kept = nil
	d.mu.Unlock()
	for c := range kept {
		c.hangUp()
	}
}

// hangUp closes the connection on a client whose request is kept.
func (c *conn) hangUp() {
	c.ended("tap", "cut")
	c.client.Close()
}
