package oracle

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"slices"
	"time"
)

// Taps see an attempt's start after the breaker let it through, and its end before the breaker counts it. So what
// is seen within moments of each other may have happened the other way round, and where two callers share a
// breaker that decides which failure opens it and who is refused. The search goes through the steps in the order in
// which they were seen. Only where that makes a deviation does it go back, to the nearest step that may have
// happened later than it was seen, and it accepts a deviation only when no other order avoids it.

const (
	mostTries = 5_000   // to get past one step; then what is seen is taken as it was seen
	mostWork  = 400_000 // for one breaker
	mostNodes = 4_096   // are kept
	farBehind = 4_096   // steps: from there on nothing is gone back to
)

// A node is a course that has got through the steps before next, but for those that wait: they were seen, and may
// have happened later.
type node struct {
	course
	next    int
	waiting []int
	n       int // younger nodes have higher numbers
}

// nodes gives the best first: of those with the fewest deviations the farthest.
type nodes []*node

func (h nodes) Len() int      { return len(h) }
func (h nodes) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h nodes) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].cost, h[j].cost), cmp.Compare(h[j].next, h[i].next), cmp.Compare(h[i].n, h[j].n)) < 0
}
func (h *nodes) Push(x any) { *h = append(*h, x.(*node)) }
func (h *nodes) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// A searcher is one search through all steps of a breaker.
type searcher struct {
	*machine
	steps                 []step
	horizon               []time.Duration
	contested, overlapped []bool
	open                  nodes
	seen                  map[string]int // cost by key
	key                   []byte         // the latest one
	made                  int            // nodes so far
	farthest              int
	tries, work           int
	lost                  bool // a course without a deviation was given up unseen
}

// search gives the course with the fewest deviations, and whether one of them at least is certain.
func (m *machine) search(steps []step) (best *course, certain bool) {
	s := &searcher{machine: m, steps: steps, horizon: horizons(steps), seen: map[string]int{}}
	s.contested, s.overlapped = overlaps(steps)
	s.push(course{state: closed, fresh: true}, 0, nil)
	for {
		if s.tries > mostTries || s.work > mostWork {
			s.commit()
		}
		nd := heap.Pop(&s.open).(*node)
		s.tries++
		s.work++
		if done := s.run(nd); done {
			return &nd.course, nd.cost > 0 && !s.lost
		}
	}
}

func (s *searcher) push(c course, next int, waiting []int) {
	s.made++
	heap.Push(&s.open, &node{c, next, waiting, s.made})
	if len(s.open) > 2*mostNodes {
		slices.SortFunc(s.open, func(a, b *node) int {
			return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(b.next, a.next), cmp.Compare(a.n, b.n))
		})
		s.drop(s.open[mostNodes:])
		s.open = s.open[:mostNodes] // sorted is a heap
	}
}

// drop gives nodes up. Those far behind would not have changed anything.
func (s *searcher) drop(given []*node) {
	for _, nd := range given {
		s.lost = s.lost || (nd.cost == 0 && nd.next > s.farthest-farBehind)
	}
}

// commit gives up all but the node that got farthest.
func (s *searcher) commit() {
	best := slices.MinFunc(s.open, func(a, b *node) int {
		return cmp.Or(cmp.Compare(b.next, a.next), cmp.Compare(a.cost, b.cost), cmp.Compare(a.n, b.n))
	})
	s.drop(slices.DeleteFunc(slices.Clone(s.open), func(nd *node) bool { return nd == best }))
	s.open = nodes{best}
	s.tries = 0
}

// run takes a node as far as it goes without a deviation.
func (s *searcher) run(nd *node) (done bool) {
	cost := nd.cost
	for nd.cost == cost {
		if nd.next > s.farthest {
			s.farthest, s.tries = nd.next, 0
			if s.farthest%farBehind == 0 {
				clear(s.seen)
			}
		}
		if s.been(nd) {
			return false
		}
		late := s.overdue(nd)
		for _, w := range nd.waiting {
			if w != late && s.mayGo(nd, w) {
				other := *nd
				s.take(&other, w)
				s.push(other.course, other.next, other.waiting)
			}
		}
		switch {
		case late >= 0:
			s.take(nd, late)
		case nd.next == len(s.steps):
			return true
		default:
			s.see(nd)
		}
	}
	s.push(nd.course, nd.next, nd.waiting)
	return false
}

// been tells whether another node was here before, where steps may have gone in more than one order.
func (s *searcher) been(nd *node) bool {
	if i := nd.next; len(nd.waiting) == 0 && (i == len(s.steps) || !s.overlapped[i]) && (i == 0 || !s.overlapped[i-1]) {
		return false
	}
	s.key = nd.key(s.key[:0])
	if cost, again := s.seen[string(s.key)]; again && cost <= nd.cost {
		return true
	}
	s.seen[string(s.key)] = nd.cost
	return false
}

// overdue is a waiting step that must have happened by now, -1 for none.
func (s *searcher) overdue(nd *node) int {
	for _, w := range nd.waiting {
		if s.steps[w].to < s.horizon[nd.next] && s.mayGo(nd, w) {
			return w
		}
	}
	return -1
}

// mayGo tells whether a waiting step may be the next: no other must have happened before it. Of those that do the
// same, the one seen first goes first.
func (s *searcher) mayGo(nd *node, i int) bool {
	a := &s.steps[i]
	for _, j := range nd.waiting {
		b := &s.steps[j]
		switch {
		case i == j:
		case b.to < a.from:
			return false
		case a.kind == ends && b.kind == begins && a.x == b.x:
			return false
		case j < i && a.kind == b.kind && (a.kind != ends || (a.x.OK() == b.x.OK() && a.x.either() == b.x.either() && nd.counting(a.x) == nd.counting(b.x))):
			return false
		}
	}
	return true
}

// take makes a waiting step happen.
func (s *searcher) take(nd *node, w int) {
	nd.waiting = slices.DeleteFunc(slices.Clone(nd.waiting), func(i int) bool { return i == w })
	s.act(nd, w)
}

// see makes the next step happen when it was seen. That it happened later is another node.
func (s *searcher) see(nd *node) {
	i := nd.next
	nd.next++
	step := &s.steps[i]
	before := nd.course
	if s.blocked(nd, i) {
		nd.waiting = append(slices.Clip(nd.waiting), i)
		return
	}
	s.act(nd, i)
	switch {
	case !s.overlapped[i] || step.kind == claimed || step.kind == refused:
	case step.kind == begins && nd.cost == before.cost:
	case step.plain() && before.state == closed && !s.contested[i]:
	default:
		s.push(before, i+1, append(slices.Clip(nd.waiting), i))
	}
}

// blocked tells whether a waiting step must come before one that is just seen.
func (s *searcher) blocked(nd *node, i int) bool {
	return slices.ContainsFunc(nd.waiting, func(j int) bool {
		return s.steps[i].kind == ends && s.steps[j].kind == begins && s.steps[i].x == s.steps[j].x
	})
}

// act takes the step, and keeps the other ways to take it.
func (s *searcher) act(nd *node, i int) {
	s.branches = s.branches[:0]
	s.machine.take(&nd.course, &s.steps[i])
	for _, c := range s.branches {
		s.push(*c, nd.next, nd.waiting)
	}
}

// horizons gives for each step the earliest moment at which it, or one seen after it, may have happened.
func horizons(steps []step) []time.Duration {
	out := make([]time.Duration, len(steps)+1)
	out[len(steps)] = 1<<63 - 1
	for i := len(steps) - 1; i >= 0; i-- {
		out[i] = min(out[i+1], steps[i].from)
	}
	return out
}

// plain steps leave a closed breaker as it is, in whatever order they come.
func (s *step) plain() bool { return s.kind == begins || (s.kind == ends && s.x.OK()) }

// overlaps tells for each step whether any other may have happened at the same time, and whether one that is not
// plain may.
func overlaps(steps []step) (contested, overlapped []bool) {
	order := make([]int, 0, len(steps))
	for i := range steps {
		if steps[i].kind != claimed && steps[i].kind != refused {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(steps[a].from, steps[b].from) })
	overlapped = make([]bool, len(steps))
	latest := -1 // the step so far that may have happened last
	for _, i := range order {
		if latest >= 0 && steps[latest].to >= steps[i].from {
			overlapped[i], overlapped[latest] = true, true
		}
		if latest < 0 || steps[i].to > steps[latest].to {
			latest = i
		}
	}
	contested = make([]bool, len(steps))
	special := slices.DeleteFunc(slices.Clone(order), func(i int) bool { return steps[i].plain() })
	begun, until := 0, time.Duration(-1)
	for _, i := range order {
		for begun < len(special) && steps[special[begun]].from <= steps[i].to {
			until = max(until, steps[special[begun]].to)
			begun++
		}
		contested[i] = until >= steps[i].from
	}
	return contested, overlapped
}

// counting tells whether an attempt's result will count.
func (c *course) counting(x *Exchange) bool { return slices.Contains(c.flying, x) }

// key tells nodes apart that will fare differently. It writes to b.
func (f *node) key(b []byte) []byte {
	b = append(b, f.state...)
	if f.fresh {
		b = append(b, 'f')
	}
	if f.blind {
		b = append(b, 'b')
	}
	for _, n := range []int64{
		f.counts.Requests, f.counts.TotalSuccesses, f.counts.TotalFailures, f.counts.ConsecutiveSuccesses, f.counts.ConsecutiveFailures,
		int64(f.since.from), int64(f.since.at), int64(f.since.to),
	} {
		b = binary.AppendVarint(b, n)
	}
	for _, n := range f.told {
		b = binary.AppendVarint(b, int64(n))
	}
	flying := make([]uint64, 0, 16)
	for _, x := range f.flying {
		flying = append(flying, x.Request.Seq)
	}
	slices.Sort(flying)
	b = binary.AppendVarint(b, int64(len(flying)))
	for _, n := range flying {
		b = binary.AppendUvarint(b, n)
	}
	for _, i := range f.waiting {
		b = binary.AppendUvarint(b, uint64(i))
	}
	b = binary.AppendUvarint(b, uint64(f.next))
	return b
}
