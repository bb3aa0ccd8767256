package oracle

import "time"

// A moment of a forecast is exact, or exact but for things that nobody knows beforehand: where in the pause between
// two orders a fault falls, and how jitter falls out. What two moments do not know alike cancels out between them.
type moment struct {
	at   time.Duration
	open *openness // the last one; nil for none
}

// An openness is a variable, and those that were there before it. Moments that have it in common have all before it in
// common, too: so a moment is as small after thousands of retries as after one, and two of them are soon compared.
type openness struct {
	variable
	before *openness
	depth  int // how many there are, this one included
}

// A variable is something unknown between two bounds. Choosing what happened first narrows it.
type variable struct{ lo, hi time.Duration }

// plus is a pause later, which may be anything within a window.
func (m moment) plus(w window) moment {
	m.at += w.lo
	if w.hi > w.lo {
		m.open = &openness{variable{0, w.hi - w.lo}, m.open, m.open.count() + 1}
	}
	return m
}

func (u *openness) count() int {
	if u == nil {
		return 0
	}
	return u.depth
}

func (m moment) after(d time.Duration) moment { return m.plus(window{d, d}) }

func (m moment) window() Window {
	w := m.minus(moment{})
	return Window{w.lo, w.hi}
}

// minus is how much later m is than another moment.
func (m moment) minus(o moment) window {
	w := window{m.at - o.at, m.at - o.at}
	apart(m.open, o.open, func(v *variable) {
		w.lo += v.lo
		w.hi += v.hi
	}, func(v *variable) {
		w.lo -= v.hi
		w.hi -= v.lo
	})
	return w
}

// apart gives what only a doesn't know, and what only b doesn't.
func apart(a, b *openness, ofA, ofB func(*variable)) {
	for a != b {
		if a.count() >= b.count() {
			ofA(&a.variable)
			a = a.before
		} else {
			ofB(&b.variable)
			b = b.before
		}
	}
}

// narrow takes it that a is earlier than b, by a nanosecond at least: that two unknown moments are one is no way that
// anybody needs to be told. Where one variable alone decides it, it knows more from then on.
func narrow(a, b moment) {
	var early, late *variable
	n, k := 0, 0
	apart(a.open, b.open, func(v *variable) { early, n = v, n+1 }, func(v *variable) { late, k = v, k+1 })
	room := b.at - a.at - 1 // a's variables may take as much more than b's
	switch {
	case n == 1 && k == 0:
		early.hi = min(early.hi, room)
	case n == 0 && k == 1:
		late.lo = max(late.lo, -room)
	}
}

// between is a moment that is known to lie within a window. Where several variables are unknown of it none of them knows
// that, so it is one of its own from then on: what it has in common with others is forgotten, which only leaves more open.
func (m moment) between(within Window) moment {
	if m.open.count() < 2 {
		return m
	}
	w := m.window()
	lo, hi := max(w.Lo, within.Lo), min(w.Hi, within.Hi)
	if lo == w.Lo && hi == w.Hi || lo > hi {
		return m
	}
	return moment{at: lo}.plus(window{0, hi - lo})
}

// possible tells whether a moment is left any room.
func (m moment) possible() bool {
	for u := m.open; u != nil; u = u.before {
		if u.lo > u.hi {
			return false
		}
	}
	return true
}
