package sidecar_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halfopen/halfopen/sidecar"
)

// A replayed run is what our own sidecar made of a recording's sends and turns, in the recording's own time.
type replayed struct {
	mu       sync.Mutex
	logs     []event
	form     string // of the log's lines
	attempts []event
	app      []event
	sends    []send
}

// A world is the stage of a replay. It lives in a synctest bubble, so a minute takes milliseconds.
//
//	sends ─▶ checkout's sidecar ─▶ link ─▶ order-processor's sidecar ─▶ app
type world struct {
	t     *testing.T
	zero  time.Time // of the recording
	net   *pipeNet
	link  *pipeLink
	app   *http.Server // nil while it is down
	out   *replayed
	stop  context.CancelFunc // ends order-processor's sidecar; nil while it is down
	ended chan error         // of order-processor's sidecar

	mu   sync.Mutex
	mode string // of the app: ok, status=N, hang, delay=D
	hits int
}

// appTakes is how long the app and the way to it take in the recordings. It matters where a send comes just before
// a breaker's timeout has passed since the failure before.
const appTakes = 2 * time.Millisecond

// replay plays a recording's sends and the given turns under a spec. It must run in a bubble.
func replay(t *testing.T, r *recording, spec []byte, turns []turn) *replayed {
	sends := r.sends()
	first := sends[0].at
	w := &world{t: t, zero: time.Now().Add(100*time.Millisecond - first), net: newPipeNet(), out: &replayed{}, mode: "ok"}
	w.link = &pipeLink{net: w.net, addr: "127.0.0.1:50102", attempt: func() { w.note(&w.out.attempts, "attempt") }}
	caller, endCaller := w.sidecar(sidecar.Config{
		AppID: "checkout", HTTPPort: 3500, InternalPort: 50101, Peers: map[string]string{"order-processor": w.link.addr},
		Resources: []sidecar.File{{Name: "resiliency.yaml", Data: spec}}, Dial: w.link.Dial, Out: &noting{w: w},
		Log: sidecar.LogOptions{Daprd: true, JSON: r.asJSON(), Version: "1.18.3"},
	})
	ctx, hangUp := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for _, turn := range turns {
			w.until(turn.at)
			w.turn(turn.what)
		}
	})
	w.out.sends = make([]send, len(sends))
	for i, s := range sends {
		at := s.at
		for j := i - 1; j >= 0 && sends[j].at == s.at; j-- {
			at += 200 * time.Microsecond // those sent at once come one after another, as they did
		}
		running.Go(func() {
			w.until(at)
			w.out.sends[i] = send{at: s.at, order: s.order, answer: w.send(ctx, s.order)}
		})
	}
	w.until(r.end())
	hangUp()
	endCaller()
	<-caller
	running.Wait()
	for _, what := range []string{"app down", "sidecar down"} {
		w.turn(what)
	}
	return w.out
}

func (w *world) now() time.Duration         { return time.Since(w.zero) }
func (w *world) until(at time.Duration)     { time.Sleep(at - w.now()) }
func (w *world) note(to *[]event, s string) { w.noteAt(to, s, w.now()) }
func (w *world) noteAt(to *[]event, s string, at time.Duration) {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	*to = append(*to, event{at, s})
}

// sidecar starts one and waits until it is ready.
func (w *world) sidecar(c sidecar.Config) (ended chan error, end context.CancelFunc) {
	ctx, end := context.WithCancel(context.Background())
	ready := make(chan sidecar.Addresses, 1)
	ended = make(chan error, 1)
	c.Listen, c.Ready = w.net.Listen, func(a sidecar.Addresses) { ready <- a }
	go func() { ended <- sidecar.Run(ctx, c) }()
	select {
	case <-ready:
	case err := <-ended:
		w.t.Error(err)
		ended <- err
	}
	return ended, end
}

// turn does to the world what the driver did.
func (w *world) turn(what string) {
	switch what {
	case "app up":
		l, err := w.net.Listen(w.t.Context(), "127.0.0.1:8001")
		assert.NoError(w.t, err)
		w.app, w.hits = &http.Server{Handler: w}, 0
		go w.app.Serve(l)
	case "app down":
		if w.app != nil {
			w.app.Close()
		}
		w.app = nil
	case "sidecar up":
		w.ended, w.stop = w.sidecar(sidecar.Config{
			AppID: "order-processor", AppPort: 8001, HTTPPort: 3501, InternalPort: 50102, Dial: w.net.Dial, Out: io.Discard,
		})
	case "sidecar down":
		if w.stop != nil {
			w.stop()
			<-w.ended
		}
		w.stop = nil
	case "link black":
		w.link.set(false, true)
	case "link refuses":
		w.link.set(true, false)
	case "link healed":
		w.link.set(false, false)
	default:
		w.mu.Lock()
		w.mode = strings.TrimPrefix(what, "mode=")
		w.mu.Unlock()
	}
}

// ServeHTTP is order-processor, with the lines that the recorded one printed.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	order, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.hits++
	mode, hit := w.mode, fmt.Sprintf("(hit %d)", w.hits)
	w.mu.Unlock()
	kind, value, _ := strings.Cut(mode, "=")
	say := func(format string, args ...any) { w.note(&w.out.app, fmt.Sprintf(format, args...)) }
	rw.Header().Set("Content-Type", "application/json")
	switch kind {
	case "status":
		say("Order received: %s %s -> answering %s", order, hit, value)
		time.Sleep(appTakes)
		rw.WriteHeader(number(value))
		fmt.Fprintf(rw, `{"appError":"order-processor says %s"}`, value)
	case "hang":
		say("Order received: %s %s -> hanging", order, hit)
		<-r.Context().Done()
		say("Order cancelled by caller: %s %s: %v", order, hit, r.Context().Err())
	case "delay":
		d, _ := time.ParseDuration(value)
		say("Order received: %s %s -> delaying %s", order, hit, value)
		time.Sleep(d)
		say("Order done: %s after delay", order)
	default:
		say("Order received: %s", order)
		time.Sleep(appTakes)
	}
}

// send sends one order as checkout does, and gives the answer.
func (w *world) send(ctx context.Context, order int) event {
	client := http.Client{Transport: &http.Transport{DialContext: w.net.Dial, DisableKeepAlives: true}}
	body := strings.NewReader(fmt.Sprintf(`{"orderId": %d}`, order))
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+net.JoinHostPort("127.0.0.1", "3500")+"/orders", body)
	assert.NoError(w.t, err)
	req.Header.Set("dapr-app-id", "order-processor")
	resp, err := client.Do(req)
	if err != nil {
		return event{}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	assert.NoError(w.t, err)
	return event{w.now(), answerText(resp.StatusCode, strings.TrimSpace(string(text)))}
}

// noting takes the caller's sidecar's log.
type noting struct{ w *world }

func (n *noting) Write(b []byte) (int, error) {
	if l, ok := parseLog(strings.TrimSpace(string(b))); ok {
		n.w.note(&n.w.out.logs, l.level+" "+l.msg)
		n.w.out.form = l.keys
	}
	return len(b), nil
}

// redials gives a recording's turns as daprd's own connection saw them. daprd dials the other sidecar again with a
// back-off of up to two minutes, and an attempt between two dials fails without touching the network. So for it the
// link refuses until it has dialled again: just before the first order that was received after the healing.
func (r *recording) redials() []turn {
	turns := r.turns()
	var refuses, heals time.Duration
	for _, t := range turns {
		switch t.what {
		case "sidecar down":
			refuses = t.at
		case "link black":
			refuses = r.firstRefusal(t.at)
		case "sidecar up", "link healed":
			heals = t.at
		}
	}
	turns = slices.DeleteFunc(turns, func(t turn) bool { return t.what == "link healed" })
	for _, e := range r.app() {
		if e.at > heals {
			turns = append(turns, turn{refuses, "link refuses"}, turn{e.at - 500*time.Millisecond, "link healed"})
			break
		}
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return int(a.at - b.at) })
	return turns
}

// firstRefusal is a little before the first probe that failed at once: the connection had been given up for want of
// an answer to its keepalive.
func (r *recording) firstRefusal(after time.Duration) time.Duration {
	logs, _ := r.logs()
	for i := 1; i < len(logs); i++ {
		if logs[i].at > after && strings.HasSuffix(logs[i].text, "half-open to open") && logs[i].at-logs[i-1].at < 100*time.Millisecond {
			return logs[i].at - time.Second
		}
	}
	return after
}
