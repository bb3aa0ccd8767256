// Package explore sweeps a spec's forecast over faults that nobody has tried: what is the worst that may come of it, and
// where does what happens change in kind.
package explore

import (
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Question says what is swept. Durations are swept on a grid of a millisecond.
type Question struct {
	Target  string        `json:"target"`
	Caller  string        `json:"caller"`
	Faults  []string      `json:"faults"` // of Kinds
	Outage  Span          `json:"outage"` // how long the fault lasts
	Every   Span          `json:"every"`  // a caller's pause between two orders
	Latency Span          `json:"latency"`
	Ratio   Share         `json:"ratio"` // of requests that fail
	Callers Range         `json:"callers"`
	Timeout time.Duration `json:"timeout_ns,omitempty"` // of the clients; 0 for none
	Cases   int           `json:"cases"`
	Seed    uint64        `json:"seed"`
	Apart   time.Duration `json:"apart_ns"` // how far a scenario to be run keeps its fault from any attempt
}

// A Span is durations from one to another.
type Span struct {
	Lo time.Duration `json:"lo_ns"`
	Hi time.Duration `json:"hi_ns"`
}

// A Range is numbers from one to another.
type Range struct{ Lo, Hi int }

// A Share is parts of one, from one to another.
type Share struct{ Lo, Hi float64 }

// Kinds of faults that are swept: the target is away, swallows everything, is slow, or answers some requests with 503.
func Kinds() []string {
	return []string{scenario.Stop, scenario.Cut, scenario.Latency, scenario.Respond}
}

// MostCases bounds a sweep, so that it stays below a hundred megabytes.
const MostCases = 100_000

// MostCallers bounds how many callers send at once.
const MostCallers = 32

// A Sample is a case and what it costs.
type Sample struct {
	Case
	Toll oracle.Toll
}

// A Sweeper plays cases of a question. It is not for several goroutines at once.
type Sweeper struct {
	q      Question
	spec   *resiliency.Spec
	seer   *oracle.Seer
	plan   scenario.Plan // with limits that are long enough for all cases
	points int           // of a dimension that are looked at for changes
}

// NewSweeper makes one. A nil spec is none at all.
func NewSweeper(q Question, spec *resiliency.Spec) *Sweeper {
	longest := Case{Fault: scenario.Stop, Outage: q.Outage.Hi, Every: q.Every.Hi, Lead: q.Every.Hi / 2, Callers: 1}
	return &Sweeper{q: q, spec: spec, seer: oracle.NewSeer(spec), plan: scenario.NewPlan(q.Scenario(longest), spec), points: 48}
}

// Sweep plays the cases from the n-th on.
func (s *Sweeper) Sweep(out []Sample, n int) {
	for i := range out {
		c := s.q.Case(n + i)
		out[i] = Sample{Case: c, Toll: s.toll(c)}
	}
}

// toll draws one way of a case.
func (s *Sweeper) toll(c Case) oracle.Toll {
	plan := s.plan
	plan.Scenario = s.q.Scenario(c)
	return s.seer.Draw(plan, c.Way)
}

// Plan is what a run of a case does.
func (s *Sweeper) Plan(c Case) scenario.Plan { return scenario.NewPlan(s.q.Scenario(c), s.spec) }

// A Result is what a sweep has found.
type Result struct {
	Format   string   `json:"format"` // halfopen-explore/1
	Policies string   `json:"policies"`
	Question Question `json:"question"`
	Told     int      `json:"told"`           // cases that were followed to their end
	Cut      string   `json:"cut,omitempty"`  // why others were not
	Never    int      `json:"never"`          // cases in which no order is accepted again before a run would give up
	Worst    []Worst  `json:"worst"`          // recovery, hang and amplification
	Spread   []Spread `json:"spread"`         // how they lie, over all cases
	Changes  []Change `json:"regime_changes"` // where what happens changes in kind
	Map      Map      `json:"map"`
	samples  []Sample
}

// Find makes a result of all samples: the worst, and where what happens changes in kind.
func (s *Sweeper) Find(samples []Sample) Result {
	r := s.FindWorst(samples)
	r.Changes = s.changes()
	r.Map = s.drawMap()
	return r
}

// FindWorst makes a result of all samples that tells of no changes, which cost more cases than most sweeps have.
func (s *Sweeper) FindWorst(samples []Sample) Result {
	r := Result{
		Format: "halfopen-explore/1", Policies: s.spec.For(s.q.Caller, s.q.Target).Why, Question: s.q, samples: samples,
		Worst: []Worst{}, Changes: []Change{},
	}
	for i := range samples {
		if cut := samples[i].Toll.Cut; cut != "" {
			r.Cut = cut
			continue
		}
		r.Told++
		if samples[i].Toll.Never {
			r.Never++
		}
	}
	for _, m := range measures {
		if w := s.worst(m, samples); w != nil {
			r.Worst = append(r.Worst, *w)
		}
		r.Spread = append(r.Spread, spread(m, samples))
	}
	return r
}
