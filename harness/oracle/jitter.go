package oracle

import (
	"fmt"
	"math"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// A swing is how far the exponential gaps of one policy stray from their nominal length, as parts of it.
type swing struct {
	caller, policy string
	shortest       float64
	longest        float64
	gaps           int
	first, last    []Event // the events of the first and the last gap
}

// jitter finds exponential gaps that are not drawn at random. Dapr draws each one evenly from 50 % less to 50 % more
// than its nominal length, so that callers that failed at once do not come back at once. What delays a gap only
// makes them differ more, so nothing needs to be excused.
func (t *tally) jitter(r *Reading) {
	for _, s := range r.swings() {
		if !s.byChance() {
			t.find(Finding{
				What: fmt.Sprintf("all %d exponential gaps of %s are within %.1f %% of %.2f times their nominal length: without jitter, the policy %s says ±50 %%", s.gaps, s.caller, (s.longest-s.shortest)*100, s.shortest, s.policy),
				Want: "gaps that differ by chance", Got: fmt.Sprintf("%.3f to %.3f times the nominal length", s.shortest, s.longest),
				Events: append(s.first, s.last...),
			})
		}
	}
}

// byChance tells whether gaps that are drawn evenly may lie as near to each other as these: n draws from an interval
// of length 1 have a spread of at most w with a probability of at most n·wⁿ⁻¹.
func (s *swing) byChance() bool {
	const never = 1e-9
	n := float64(s.gaps)
	return n < 2 || n*math.Pow(s.longest-s.shortest, n-1) > never
}

// swings are those of each caller and policy.
func (r *Reading) swings() []*swing {
	var out []*swing
	by := map[hop]*swing{}
	for _, o := range r.Operations {
		p := o.Policies.Retry
		if p == nil || p.Policy != resiliency.Exponential || o.blurred {
			continue
		}
		for i := 0; i+1 < len(o.Attempts); i++ {
			end, ended := o.Attempts[i].End()
			if !ended || !o.Turns[i].whole() {
				continue
			}
			k := hop{o.Caller, p.Name}
			s := by[k]
			if s == nil {
				s = &swing{caller: o.Caller, policy: p.Name, shortest: math.Inf(1), longest: math.Inf(-1)}
				s.first = points(o.Attempts[i].last(), o.Attempts[i+1].Request)
				by[k] = s
				out = append(out, s)
			} else {
				s.last = points(o.Attempts[i].last(), o.Attempts[i+1].Request)
			}
			s.add(o.Attempts[i+1].Start()-end, o.Turns[i].pause)
		}
	}
	return out
}

func (s *swing) add(gap time.Duration, pause window) {
	part := float64(gap) / (float64(pause.lo+pause.hi) / 2)
	s.shortest, s.longest = min(s.shortest, part), max(s.longest, part)
	s.gaps++
}
