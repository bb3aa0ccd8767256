package oracle

import "math/rand/v2"

// What has no order (two events of one instant), or an order that jitter decides, may go several ways. A play asks
// its ways at each fork; playing it again with other answers goes through all of them.
type ways struct {
	taken, of []int
	next      int
	dice      *rand.Rand // draws one way instead of going all of them; nil for all
}

// choose gives one of n ways.
func (w *ways) choose(n int) int {
	if n < 2 {
		return 0
	}
	if w.dice != nil {
		return w.dice.IntN(n)
	}
	if w.next == len(w.taken) {
		w.taken, w.of = append(w.taken, 0), append(w.of, n)
	}
	w.next++
	return w.taken[w.next-1]
}

// again goes back to the last fork that has another way; false where there is none.
func (w *ways) again() bool {
	w.taken, w.of = w.taken[:w.next], w.of[:w.next]
	for i := len(w.taken) - 1; i >= 0; i-- {
		if w.taken[i]+1 < w.of[i] {
			w.taken, w.of = w.taken[:i+1], w.of[:i+1]
			w.taken[i]++
			w.next = 0
			return true
		}
	}
	return false
}
