package oracle

import (
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// A play with dice goes one way, drawn by them: at a tie any of the things of that instant comes first, and jitter is
// drawn too. So all its moments are exact, and it costs no more than what happens in it.

// drawOne takes one of what happens next.
func (p *play) drawOne() *happening {
	var first *happening
	ties := 0
	for _, h := range p.pending {
		switch {
		case first == nil || h.at.at < first.at.at:
			first, ties = h, 1
		case h.at.at == first.at.at:
			if ties++; p.dice.IntN(ties) == 0 {
				first = h
			}
		}
	}
	return first
}

// exact draws what is unknown of a moment.
func (p *play) exact(m moment) moment {
	var all []*variable
	apart(m.open, nil, func(v *variable) { all = append(all, v) }, nil)
	for _, v := range slices.Backward(all) {
		m.at += v.lo + time.Duration(p.dice.Int64N(int64(v.hi-v.lo)+1))
	}
	m.open = nil
	return m
}

// drawn draws a pause from between two bounds. One time in four each it is one of them, since that is where the worst
// cases are.
func (p *play) drawn(lo, hi time.Duration) (time.Duration, time.Duration) {
	if p.dice == nil || lo >= hi {
		return lo, hi
	}
	switch p.dice.IntN(4) {
	case 0:
		return lo, lo
	case 1:
		return hi, hi
	}
	d := lo + time.Duration(p.dice.Int64N(int64(hi-lo)+1))
	return d, d
}

// trips are breakers' conditions, compiled once.
type trips map[string]*trip

// A trip is a condition with what it gave, since evaluating it costs more than all the rest of an attempt.
type trip struct {
	resiliency.Trip
	gave map[resiliency.Counts]bool
}

// of compiles a condition; nil for one with which no spec loads.
func (t trips) of(text string) *trip {
	c, known := t[text]
	if !known {
		if compiled, err := resiliency.CompileTrip(text); err == nil {
			c = &trip{compiled, map[resiliency.Counts]bool{}}
		}
		t[text] = c
	}
	return c
}

func (t *trip) eval(c resiliency.Counts) bool {
	opens, known := t.gave[c]
	if !known {
		const most = 10_000
		if len(t.gave) > most {
			clear(t.gave)
		}
		opens = t.Eval(c)
		t.gave[c] = opens
	}
	return opens
}
