package oracle

import (
	"slices"
	"time"
)

// A moment of a forecast is exact, or exact but for things that nobody knows beforehand: where in the pause between
// two orders a fault falls, and how jitter falls out. What two moments do not know alike cancels out between them.
type moment struct {
	at   time.Duration
	vars []*variable
}

// A variable is something unknown between two bounds. Choosing what happened first narrows it.
type variable struct{ lo, hi time.Duration }

// plus is a pause later, which may be anything within a window.
func (m moment) plus(w window) moment {
	m.at += w.lo
	if w.hi > w.lo {
		m.vars = append(slices.Clip(m.vars), &variable{0, w.hi - w.lo})
	}
	return m
}

func (m moment) after(d time.Duration) moment { return m.plus(window{d, d}) }

func (m moment) window() Window {
	w := Window{m.at, m.at}
	for _, v := range m.vars {
		w.Lo += v.lo
		w.Hi += v.hi
	}
	return w
}

// minus is how much later m is than another moment.
func (m moment) minus(o moment) window {
	w := window{m.at - o.at, m.at - o.at}
	if len(m.vars) == 0 && len(o.vars) == 0 {
		return w
	}
	for _, v := range m.vars {
		if !slices.Contains(o.vars, v) {
			w.lo += v.lo
			w.hi += v.hi
		}
	}
	for _, v := range o.vars {
		if !slices.Contains(m.vars, v) {
			w.lo -= v.hi
			w.hi -= v.lo
		}
	}
	return w
}

// narrow takes it that a is earlier than b, by a nanosecond at least: that two unknown moments are one is no way that
// anybody needs to be told. Where one variable alone decides it, it knows more from then on.
func narrow(a, b moment) {
	var early, late []*variable
	for _, v := range a.vars {
		if !slices.Contains(b.vars, v) {
			early = append(early, v)
		}
	}
	for _, v := range b.vars {
		if !slices.Contains(a.vars, v) {
			late = append(late, v)
		}
	}
	room := b.at - a.at - 1 // a's variables may take as much more than b's
	switch {
	case len(early) == 1 && len(late) == 0:
		early[0].hi = min(early[0].hi, room)
	case len(early) == 0 && len(late) == 1:
		late[0].lo = max(late[0].lo, -room)
	}
}

// possible tells whether a moment is left any room.
func (m moment) possible() bool {
	return !slices.ContainsFunc(m.vars, func(v *variable) bool { return v.lo > v.hi })
}
