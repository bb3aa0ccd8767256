package oracle

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

// Taps see an attempt's start after the breaker let it through, and its end before the breaker counts it. So what
// is seen within moments of each other may have happened the other way round, and where two callers share a
// breaker that decides which failure opens it and who is refused. The search goes all orders that the spans of the
// steps permit and keeps the course with the fewest deviations.

// mostCourses bounds how many courses are kept at once.
const mostCourses = 256

// straight goes all steps in the order in which they were seen.
func (m *machine) straight(steps []step) *course {
	c := &course{state: closed, fresh: true}
	for i := range steps {
		m.take(c, &steps[i])
	}
	return c
}

// A front is a course with the steps that have been seen and may still happen later.
type front struct {
	course
	waiting []int
}

// search gives the best course, and whether all were looked at.
func (m *machine) search(steps []step) (best *course, whole bool) {
	horizon := horizons(steps)
	contested, overlapped := overlaps(steps)
	fronts := []*front{{course: course{state: closed, fresh: true}}}
	whole = true
	for i := range steps {
		for _, f := range fronts {
			f.waiting = append(slices.Clip(f.waiting), i)
		}
		if !overlapped[i] || (!contested[i] && steps[i].plain() && calm(fronts)) {
			fronts = m.all(fronts, steps)
			continue
		}
		var all bool
		if fronts, all = m.spread(fronts, steps, horizon[i+1]); !all {
			whole = false
		}
	}
	best = &fronts[0].course
	for _, f := range fronts[1:] {
		if f.cost < best.cost {
			best = &f.course
		}
	}
	return best, whole
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
	order := make([]int, len(steps))
	for i := range order {
		order[i] = i
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

// calm tells whether all courses are closed and wait for nothing but the step that was just seen.
func calm(fronts []*front) bool {
	for _, f := range fronts {
		if f.state != closed || len(f.waiting) != 1 {
			return false
		}
	}
	return true
}

// all takes what waits in the order in which it was seen.
func (m *machine) all(fronts []*front, steps []step) []*front {
	var more []*front
	for _, f := range fronts {
		for n, i := range f.waiting {
			m.branches = nil
			m.take(&f.course, &steps[i])
			for _, c := range m.branches {
				more = append(more, m.all([]*front{{*c, slices.Clone(f.waiting[n+1:])}}, steps)...)
			}
		}
		f.waiting = nil
	}
	return m.prune(slices.Concat(fronts, more))
}

// spread takes what waits in all orders in which it may have happened, for as long as something must have happened
// before the horizon.
func (m *machine) spread(fronts []*front, steps []step, horizon time.Duration) (out []*front, whole bool) {
	const most = 16 * mostCourses
	seen := map[string]int{}
	work := fronts
	for n := 0; n < len(work); n++ {
		f := work[n]
		if n >= most {
			out = append(out, m.all([]*front{f}, steps)...)
			return m.prune(out), false
		}
		if !slices.ContainsFunc(f.waiting, func(i int) bool { return steps[i].to < horizon }) {
			out = append(out, f)
		}
		if stuck := !slices.ContainsFunc(f.waiting, func(i int) bool { return f.may(steps, i) }); stuck && len(f.waiting) > 0 {
			out = append(out, m.all([]*front{f}, steps)...)
			continue
		}
		for _, i := range f.waiting {
			if !f.may(steps, i) {
				continue
			}
			next := &front{f.course, slices.DeleteFunc(slices.Clone(f.waiting), func(j int) bool { return j == i })}
			m.branches = nil
			m.take(&next.course, &steps[i])
			for _, c := range append([]*course{&next.course}, m.branches...) {
				other := &front{*c, next.waiting}
				key := other.key()
				if cost, again := seen[key]; !again || other.cost < cost {
					seen[key] = other.cost
					work = append(work, other)
				}
			}
		}
	}
	before := len(out)
	out = m.prune(out)
	return out, before == len(out) || len(out) < mostCourses
}

// may tells whether a waiting step may be the next. Of steps that do the same, the one seen first is.
func (f *front) may(steps []step, i int) bool {
	s := &steps[i]
	for _, j := range f.waiting {
		other := &steps[j]
		switch {
		case i == j:
		case other.to < s.from:
			return false
		case s.kind == ends && other.kind == begins && other.x == s.x:
			return false
		case j < i && other.kind == s.kind && (s.kind != ends || (other.x.OK() == s.x.OK() && f.counting(other.x) == f.counting(s.x))):
			return false
		}
	}
	return true
}

func (f *front) counting(x *Exchange) bool { return slices.Contains(f.flying, x) }

// key tells fronts apart that will fare differently.
func (f *front) key() string {
	b := make([]byte, 0, 128)
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
	flying := make([]uint64, len(f.flying))
	for i, x := range f.flying {
		flying[i] = x.Request.Seq
	}
	slices.Sort(flying)
	b = binary.AppendVarint(b, int64(len(flying)))
	for _, n := range flying {
		b = binary.AppendUvarint(b, n)
	}
	for _, i := range f.waiting {
		b = binary.AppendUvarint(b, uint64(i))
	}
	return string(b)
}

// prune keeps the courses worth following: those not much worse than the best, and not too many.
func (m *machine) prune(fronts []*front) []*front {
	const worse = 3 * dear
	if len(fronts) < 2 {
		return fronts
	}
	slices.SortStableFunc(fronts, func(a, b *front) int { return cmp.Compare(a.cost, b.cost) })
	most := fronts[0].cost + worse
	seen := map[string]bool{}
	fronts = slices.DeleteFunc(fronts, func(f *front) bool {
		k := f.key()
		drop := f.cost > most || seen[k]
		seen[k] = true
		return drop
	})
	return fronts[:min(len(fronts), mostCourses)]
}
