package oracle

import (
	"slices"
	"time"
)

// A spell is a time that a breaker spent in a state, as it was told.
type spell struct {
	state    string
	from, to time.Duration
	by, end  *Heard // the lines that began and ended it; end is nil where it lasts
}

// spells are those of the caller's breaker, beginning with its first change.
func (h *Hearing) spells() (out []spell) {
	cs := h.changes()
	for i, s := range cs {
		p := spell{state: s.To, from: s.Line.At, to: h.ended, by: s}
		if i+1 < len(cs) {
			p.to, p.end = cs[i+1].Line.At, cs[i+1]
		}
		out = append(out, p)
	}
	return out
}

// during tells whether the breaker was told to be in a state at some moment of a time.
func (h *Hearing) during(state string, from, to time.Duration) bool {
	return slices.ContainsFunc(h.spells(), func(p spell) bool { return p.state == state && p.from <= to && from <= p.to })
}

// eachSpell makes a check of what judge says of each time in which the caller's breaker is told to be in a state, by
// what apps tell. Judge tells whether it could judge that time at all.
func eachSpell(c HearingCheck, state, what string, judge func(*tally, *Hearing, spell) bool) HearingCheck {
	c.Run = func(h *Hearing) Result {
		if r, ok := h.breakerApplies(what); !ok {
			return r
		}
		var t tally
		told := false
		for _, p := range h.spells() {
			if p.state == state {
				told = judge(&t, h, p) || told
			}
		}
		if !told {
			return notHere("the breaker is not told to have been %s", state)
		}
		return t.result()
	}
	return c
}

// breakerApplies tells whether there is anything to judge of the caller's breaker by what apps tell.
func (h *Hearing) breakerApplies(what string) (Result, bool) {
	if h.own().Breaker == nil {
		return notHere("no breaker is in force"), false
	}
	if r, none := h.needsApps(what); none {
		return r, false
	}
	return Result{}, true
}

// between are the receipts of a time.
func (h *Hearing) between(from, to time.Duration) (out []*receipt) {
	for _, r := range h.Receipts {
		if from <= r.got.At && r.got.At <= to {
			out = append(out, r)
		}
	}
	return out
}
