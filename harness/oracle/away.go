package oracle

import (
	"sort"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A role is one part of one service.
type role struct{ service, part string }

// aways are the times, by part, between its end and when it was ready again: in the order of time.
func aways(comings []*history.Event) map[role][]window {
	out := map[role][]window{}
	for _, e := range comings {
		k := role{e.Service, e.Part}
		n := len(out[k])
		switch {
		case e.Kind == history.KindExit && (n == 0 || out[k][n-1].hi != forever):
			out[k] = append(out[k], window{e.At, forever})
		case e.Kind == history.KindReady && n > 0 && out[k][n-1].hi == forever:
			out[k][n-1].hi = e.At
		}
	}
	return out
}

// absent tells whether a part was away for the whole of a time.
func (r *Reading) absent(service, part string, from, to time.Duration) bool {
	away := r.away[role{service, part}]
	i := sort.Search(len(away), func(i int) bool { return away[i].hi > from })
	return i < len(away) && away[i].lo <= from && to <= away[i].hi
}

// sidecarGone tells whether a caller's sidecar was away at some moment of a time, or about to go: it ends what waits
// for a retry when it is told to, a moment before it is gone.
func (r *Reading) sidecarGone(caller string, from, to time.Duration) bool {
	for _, f := range r.Faults {
		if f.Service == caller && f.Part != history.App && endsParts(f.Kind) && f.Injected != nil &&
			f.Injected.At <= r.late(to) && (f.Healed == nil || r.late(f.Healed.At) >= from) {
			return true
		}
	}
	away := r.away[role{caller, history.Sidecar}]
	i := sort.Search(len(away), func(i int) bool { return r.late(away[i].hi) >= from })
	return i < len(away) && away[i].lo <= r.late(to)
}

// endsParts tells whether a fault of a kind ends parts.
func endsParts(kind string) bool {
	return kind == scenario.Stop || kind == scenario.Kill || kind == scenario.Restart
}

// restarts are the moments when a caller's sidecar ended: its breakers' state is lost.
func (r *Reading) restarts(caller string) []time.Duration {
	var out []time.Duration
	for _, w := range r.away[role{caller, history.Sidecar}] {
		out = append(out, w.lo)
	}
	return out
}

// lifeOf counts how often an operation's app had ended before.
func (r *Reading) lifeOf(o *Operation) int {
	away := r.away[role{o.Caller, history.App}]
	return sort.Search(len(away), func(i int) bool {
		return away[i].lo > o.Start() || away[i].lo == o.Start() && away[i].hi > o.Start() // what is sent as it ends is its last
	})
}
