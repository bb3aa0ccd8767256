package link

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Client works a Set that a [Server] holds elsewhere.
type Client struct {
	Base string // http://host:port
	HTTP *http.Client
}

// Control is what an environment does with its links: a [Set] here, or a [Client] of one elsewhere.
type Control interface {
	Open(ctx context.Context, c Config) (addr string, err error)
	Apply(ctx context.Context, f scenario.Fault) error
	Heal(ctx context.Context, name string) error
	Send(ctx context.Context, r Request) error
	Probe(ctx context.Context, url string) (status int, body []byte, err error)
}

// Local is the control of a set in this process.
type Local struct{ *Set }

// Open is [Set.Open].
func (l Local) Open(_ context.Context, c Config) (string, error) { return l.Set.Open(c) }

// Apply is [Set.Apply].
func (l Local) Apply(_ context.Context, f scenario.Fault) error { return l.Set.Apply(f) }

// Heal is [Set.Heal].
func (l Local) Heal(_ context.Context, name string) error { return l.Set.Heal(name) }

// Open opens one link over there.
func (c *Client) Open(ctx context.Context, cfg Config) (string, error) {
	var out struct{ Addr string }
	err := c.call(ctx, http.MethodPost, "/links", cfg, &out)
	return out.Addr, err
}

// Apply puts a fault on its link.
func (c *Client) Apply(ctx context.Context, f scenario.Fault) error {
	return c.call(ctx, http.MethodPost, "/faults", f, nil)
}

// Heal takes a fault off again.
func (c *Client) Heal(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/faults/"+url.PathEscape(name), nil, nil)
}

// Send puts one request into a link.
func (c *Client) Send(ctx context.Context, r Request) error {
	return c.call(ctx, http.MethodPost, "/send", r, nil)
}

// Probe asks one address directly from where the links are.
func (c *Client) Probe(ctx context.Context, target string) (int, []byte, error) {
	var out probed
	err := c.call(ctx, http.MethodGet, "/probe?url="+url.QueryEscape(target), nil, &out)
	return out.Status, out.Body, err
}

// Close heals and closes everything over there; [Client.Follow] then ends by itself.
func (c *Client) Close(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/close", nil, nil)
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		err := errors.New(strings.TrimSpace(string(text)))
		if resp.StatusCode == http.StatusNotImplemented {
			return fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
		}
		return err
	}
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// Clock measures how far the other clock is ahead of ours, and how far the measurement may be off: the best
// of several exchanges, as NTP does it.
func (c *Client) Clock(ctx context.Context) (offset, uncertainty time.Duration, err error) {
	const exchanges = 9
	uncertainty = time.Hour
	for range exchanges {
		var theirs struct {
			WallNS int64 `json:"wall_ns"`
		}
		sent := time.Now()
		if err := c.call(ctx, http.MethodGet, "/clock", nil, &theirs); err != nil {
			return 0, 0, fmt.Errorf("read the clock of the links: %w", err)
		}
		half := time.Since(sent) / 2
		if half < uncertainty {
			uncertainty = half
			offset = time.Unix(0, theirs.WallNS).Sub(sent.Add(half).Round(0))
		}
	}
	return offset, uncertainty, nil
}

// Follow records what the taps see until they are closed or ctx ends. It asks again from the last event on
// where the stream breaks, so none is lost or repeated.
func (c *Client) Follow(ctx context.Context, r *history.Recorder, offset time.Duration) error {
	next := uint64(1)
	for {
		last, err := c.follow(ctx, r, offset, &next)
		if last || ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(followPause):
			_ = err // the stream broke: ask again
		}
	}
}

// followPause is how long Follow waits before it asks again.
const followPause = 50 * time.Millisecond

func (c *Client) follow(ctx context.Context, r *history.Recorder, offset time.Duration, next *uint64) (last bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+"/events?from="+strconv.FormatUint(*next, 10), nil)
	if err != nil {
		return false, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	in := json.NewDecoder(resp.Body)
	for {
		var n entry
		if err := in.Decode(&n); err != nil {
			return false, err
		}
		if n.Last {
			return true, nil
		}
		n.Event.At = max(1, time.Unix(0, n.WallNS).Sub(r.Started().Round(0))-offset)
		r.Record(n.Event)
		*next = n.Event.Seq + 1
	}
}
