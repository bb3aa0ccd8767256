// Package oracle turns a scenario, a spec and a history into a verdict, without touching the world.
package oracle

import (
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An Outcome is one of three values; unknown is never a pass.
type Outcome string

// The outcomes.
const (
	Pass    Outcome = "pass"
	Fail    Outcome = "fail"
	Unknown Outcome = "unknown"
)

// A Case is all that a judgement rests on. Spec is nil where the scenario has none.
type Case struct {
	Plan    scenario.Plan
	Spec    *resiliency.Spec
	History *history.History
}

// A Verdict is what a run means. It is a pure function of its case: the same case gives the same bytes.
type Verdict struct {
	Format   string   `json:"format"` // halfopen-verdict/1
	Run      string   `json:"run"`
	Scenario string   `json:"scenario"`
	Env      string   `json:"env"`
	Sidecar  string   `json:"sidecar"`
	Outcome  Outcome  `json:"outcome"`
	Why      []string `json:"why"`                // one sentence for each reason, the most important first
	Expected string   `json:"expected,omitempty"` // what the scenario expected, where that isn't a pass: `fail: policy-loaded`
	Results  []Result `json:"results"`
	Slack    Slack    `json:"slack"`
	Figures  Figures  `json:"figures"`
	// Warnings are what is legal in spec and scenario, and probably not what was meant.
	Warnings []string `json:"warnings,omitempty"`
	// NoControl says why the run shows nothing at all: no effect of a fault was seen, say. It is "" where it does.
	NoControl string `json:"no_control,omitempty"`
	// Differences are the figures beside accepted ones, where the run was compared with a baseline.
	Differences []Difference `json:"differences,omitempty"`
	Story       []Moment     `json:"story"`
}

// A Result is what one check found.
type Result struct {
	Check    string    `json:"check"` // retry-gap
	Doc      string    `json:"doc"`   // the promise, in one sentence
	Outcome  Outcome   `json:"outcome"`
	Examined int       `json:"examined"`           // how many things were looked at; nothing examined never passes
	Applies  bool      `json:"applies"`            // false: the spec or the plan makes no such promise here, and the result doesn't count
	Severity string    `json:"severity,omitempty"` // warn: it is told, and doesn't count
	Why      string    `json:"why,omitempty"`      // why it is unknown, or why it doesn't apply
	Findings []Finding `json:"findings,omitempty"`
}

// A Finding is one promise broken (or one thing that could not be judged), with the events that show it.
type Finding struct {
	What   string  `json:"what"` // a sentence with the numbers in it
	Want   string  `json:"want,omitempty"`
	Got    string  `json:"got,omitempty"`
	Cause  string  `json:"cause,omitempty"` // redial: the evidence shows that a known way of the sidecar brought it about; it excuses nothing
	Events []Event `json:"events,omitempty"`
}

// An Event points into the history.
type Event struct {
	Source string        `json:"source"`
	Seq    uint64        `json:"seq"`
	At     time.Duration `json:"at_ns"`
	What   string        `json:"what"` // for people: `request POST /orders of order 5 on checkout->order-processor`
}

// Slack is how much the run may be off, as it measured itself.
type Slack struct {
	Lower time.Duration `json:"lower_ns"`        // observers' uncertainty: taken off lower bounds, at most 5 ms
	Upper time.Duration `json:"upper_ns"`        // lateness of the machine plus uncertainty: added to upper bounds, for each wake-up on the way
	Usual time.Duration `json:"usual_ns"`        // the median of the same readings: how late the machine was most of the time
	Ticks int           `json:"ticks"`           // how many readings of metronomes it rests on
	Exact bool          `json:"exact,omitempty"` // time was virtual: nothing is ever late

	Counting time.Duration `json:"counting_ns,omitempty"` // the longest time within which a counter places an attempt: between two readings, or until its connection was there
}

// Figures are the numbers of a run that people compare.
type Figures struct {
	OrdersSent     int            `json:"orders_sent"`
	OrdersAccepted int            `json:"orders_accepted"`
	OrdersReceived int            `json:"orders_received"` // by the target app, distinct ids
	Attempts       int            `json:"attempts"`        // on sidecar-to-sidecar links
	Retries        int            `json:"retries"`
	Uncrossed      int            `json:"uncrossed,omitempty"` // attempts of them that only their sidecar's counter tells of
	Refused        int            `json:"refused"`             // operations that ended with an open breaker's error
	Transitions    int            `json:"transitions"`         // of breakers, as logged
	TimeToTrip     *time.Duration `json:"time_to_trip_ns"`     // from the first failed attempt to closed→open; null where it never opened
	Recovery       *time.Duration `json:"recovery_ns"`         // from the target's readiness to the first accepted order; null where there was no outage
	Redial         *time.Duration `json:"redial_ns,omitempty"` // from that readiness until the sidecar dialled again, where its back-off alone explains what the recovery took beyond it
	FirstAccepted  *time.Duration `json:"first_accepted_ns"`   // from the run's start, without waiting for other runs to be up
	Latency        *time.Duration `json:"latency_ns"`          // of an order, the median: from its first sending until it was accepted; null where none was
	LongestLatency *time.Duration `json:"longest_latency_ns"`
	GapError       *Spread        `json:"gap_error"`  // how far retry gaps were from the policy's; null where none has an exact length
	OpenError      *Spread        `json:"open_error"` // how far probes were from the first moment that an open breaker allows; null without any

	// What a recovery hung on, so that two runs can be compared: how long the last fault's target took to be ready once
	// healing began, and by how much the last question in vain came too early: an attempt for that readiness, a refused
	// order for the breaker's half-open. Null where there was none.
	Readiness      *time.Duration `json:"readiness_ns"`
	MissedReady    *time.Duration `json:"missed_ready_ns"`
	MissedHalfOpen *time.Duration `json:"missed_half_open_ns"`
}

// Amplification is how many attempts between sidecars an order made, on average; 0 where none was sent.
func (f Figures) Amplification() float64 {
	if f.OrdersSent == 0 {
		return 0
	}
	return float64(f.Attempts) / float64(f.OrdersSent)
}

// A Moment is one line of the story that reports tell: derived from the history, in the order of time.
type Moment struct {
	At      time.Duration `json:"at_ns"`
	Kind    string        `json:"kind"`               // order | attempt | breaker | fault | ready | log | phase
	Lane    string        `json:"lane"`               // the service or link it belongs to
	What    string        `json:"what"`               // `attempt 5 of order 5: connection closed without an answer`
	Outcome string        `json:"outcome,omitempty"`  // ok | failed | refused | open | half-open | closed, where it has one
	ID      string        `json:"id,omitempty"`       // the order
	N       int           `json:"n,omitempty"`        // the attempt's number within its operation, from 1
	Count   int           `json:"count,omitempty"`    // how many alike moments this line stands for (steady state is folded)
	Until   time.Duration `json:"until_ns,omitempty"` // of the last of them; of a fault: when it healed
}

// ForSlackAlone tells whether something could not be judged, and all of it only because the machine was late: such a run
// is worth playing again.
func (v Verdict) ForSlackAlone() bool {
	doubts := 0
	for _, r := range v.Results {
		if r.Applies && r.Outcome == Unknown {
			doubts++
			if !strings.HasPrefix(r.Why, "slack: ") {
				return false
			}
		}
	}
	for _, why := range v.Why {
		if strings.HasPrefix(why, "history: ") || strings.HasPrefix(why, "the harness: ") {
			return false
		}
	}
	return doubts > 0
}
