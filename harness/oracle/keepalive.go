package oracle

import (
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// daprd pings a daprd that has been silent for 10 s, and takes the connection for broken where nothing has come back 5 s
// later. The tap sees the caller's side end it, as it does where a timeout gives an attempt up; but it ends the whole
// connection, and nobody decided that an attempt took too long.
//
// https://github.com/dapr/dapr/blob/v1.14.0/pkg/api/grpc/manager/manager.go
const (
	keepalivePing  = 10 * time.Second
	keepalivePong  = 5 * time.Second
	keepaliveQuiet = keepalivePing + keepalivePong
)

// byKeepalive is who closed a connection, where its client did so for silence.
const byKeepalive = "keepalive"

// keepalive tells which attempts were ended by the keepalive of their caller's sidecar.
func (b *builder) keepalive() {
	if b.History.Header.Sidecar != scenario.Daprd {
		return
	}
	for _, l := range b.links {
		if l.Link == nil || l.Hop != scenario.HopToPeer {
			continue
		}
		heard := l.heard()
		for _, x := range l.exchanges {
			if x.by == "client" && x.Close.Attr("stream") == "" && b.silenced(l.Link, heard[x.Request.Conn], x.Close.At) {
				x.by = byKeepalive
			}
		}
	}
}

// heard is when each connection last brought its client anything that a tap can tell: answers to pings are not.
func (l *tapped) heard() map[uint64]time.Duration {
	out := map[uint64]time.Duration{}
	hear := func(conn uint64, e *history.Event) {
		if e != nil {
			out[conn] = max(out[conn], e.At)
		}
	}
	for _, a := range l.accepts {
		out[a.conn] = a.at
	}
	for _, x := range l.exchanges {
		if _, known := out[x.Request.Conn]; !known {
			out[x.Request.Conn] = x.Start()
		}
		hear(x.Request.Conn, x.Response)
		hear(x.Request.Conn, x.Complete)
		if x.by == "upstream" {
			hear(x.Request.Conn, x.Close)
		}
	}
	return out
}

// silenced tells whether a connection that was last heard at a moment may have been quiet for so long that keepalive
// ended it: a fault had made it so since before the ping, which nothing had answered until then.
func (r *Reading) silenced(l *scenario.Link, heard, at time.Duration) bool {
	early := r.Slack.Lower + mostUncertain
	if at < heard+keepaliveQuiet-early {
		return false
	}
	for _, f := range r.Faults {
		if mutes(f, l) && f.Injected != nil && at >= f.Injected.At+keepalivePong-early && (f.Healed == nil || at <= r.late(f.Healed.At)) &&
			(!silent(f.Kind) || f.Applied == nil || at <= r.late(f.Applied.At+keepaliveQuiet)) {
			return true
		}
	}
	return false
}

// mutes tells whether a fault may keep a sidecar's answers to pings from crossing a link between sidecars.
func mutes(f *Fault, l *scenario.Link) bool {
	if f.Link != "" {
		return f.Link == l.Name
	}
	return f.Kind == scenario.Pause && f.Service == l.To && f.Part != history.App
}

// keptAlive tells whether the caller's sidecar itself ends an attempt that waits because of a fault: by its keepalive,
// or, where it waits for a connection that is being dialled, with that dial.
func (r *Reading) keptAlive(f *Fault, x *Exchange, waited time.Duration) bool {
	return r.History.Header.Sidecar == scenario.Daprd && x.Link.Hop == scenario.HopToPeer && mutes(f, x.Link) &&
		(x.Hidden() || waited <= r.late(keepaliveQuiet))
}
