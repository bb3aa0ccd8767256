package explore

import (
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// WithDefaults fills in what a question leaves empty, from the times of the specs' own policies.
func (q Question) WithDefaults(specs ...*resiliency.Spec) Question {
	if q.Callers == (Range{}) {
		q.Callers = Range{1, 8}
	}
	if q.Every == (Span{}) {
		q.Every = Span{500 * time.Millisecond, 5 * time.Second}
	}
	if q.Ratio == (Share{}) {
		q.Ratio = Share{0.1, 1}
	}
	var cycle, patience time.Duration
	for _, s := range specs {
		p := s.For(q.Caller, q.Target)
		cycle = max(cycle, cycleOf(p))
		if p.Timeout != nil {
			patience = max(patience, *p.Timeout)
		}
	}
	if q.Outage == (Span{}) {
		const most = 5 * time.Minute
		q.Outage = Span{min(500*time.Millisecond, cycle), min(max(3*q.Every.Lo, cycle), most)}
		q.Outage.Hi = max(q.Outage.Hi.Round(time.Second), q.Outage.Lo)
	}
	if q.Latency == (Span{}) {
		q.Latency = Span{10 * time.Millisecond, min(max(3*time.Second, 2*patience), time.Minute)}
	}
	q.Outage.Lo = max(q.Outage.Lo, time.Millisecond)
	if len(q.Faults) == 0 {
		q.Faults = q.foretold(specs[0])
	}
	return q
}

// foretold are the kinds of faults whose course a forecast follows.
func (q Question) foretold(spec *resiliency.Spec) (kinds []string) {
	s := NewSweeper(q, spec)
	for _, k := range Kinds() {
		c := Case{Fault: k, Outage: q.Outage.Lo, Callers: 1, Every: q.Every.Hi, Latency: q.Latency.Lo, Ratio: q.Ratio.Hi}
		if s.toll(c.tidy()).Cut == "" {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return Kinds() // and the result says why nothing is told
	}
	return kinds
}

// cycleOf is about how long it takes until all that policies do has been done: failures until the breaker opens, some
// times open, and all retries.
func cycleOf(p resiliency.Policies) time.Duration {
	gap, retries := time.Second, 0
	if r := p.Retry; r != nil {
		_, long := r.Gap(4)
		gap, retries = max(long, time.Millisecond), min(max(r.MaxRetries, 0), 20)
	}
	if b := p.Builtin; b != nil { // within each try
		_, long := b.Gap(4)
		try := min(long, time.Minute) * time.Duration(min(b.MaxRetries, 20))
		if p.Timeout != nil && *p.Timeout > 0 {
			try = min(try, *p.Timeout)
		}
		gap += try
	}
	d := gap * time.Duration(max(retries+2, 6))
	if b := p.Breaker; b != nil {
		d += min(b.Timeout, time.Minute)*3 + gap
	}
	if p.Timeout != nil {
		d += 3 * min(*p.Timeout, time.Minute)
	}
	return d
}
