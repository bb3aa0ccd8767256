package harness

import (
	"context"
	"regexp"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// Progress is where a run is, for one live line.
type Progress struct {
	Phase    string        // bring-up, load, or what the step does
	Elapsed  time.Duration // since the run began
	Expected time.Duration // how long the plan should take
	Orders   int           // accepted so far
	Breaker  string        // the state that a breaker was last said to be in; "" before it says anything
	Fault    string        // the fault that is on; "" for none
}

var breakerLine = regexp.MustCompile(`Circuit breaker .* changed state from [a-z-]+ to ([a-z-]+)`)

// watch tells the progress at each event that changes it, until ctx ends.
func (p *player) watch(ctx context.Context) {
	if p.options.Watch == nil {
		return
	}
	at := Progress{Expected: p.plan.Expected}
	for n := 0; ; {
		events, more := p.rec.Since(n)
		n += len(events)
		before := at
		for _, e := range events {
			at.note(e, p)
		}
		if at != before {
			at.Elapsed = p.rec.Now()
			p.options.Watch(at)
		}
		select {
		case <-ctx.Done():
			return
		case <-more:
		}
	}
}

func (at *Progress) note(e history.Event, p *player) {
	switch e.Kind {
	case history.KindPhase:
		switch e.Text {
		case history.PhaseStep:
			at.Phase = e.Attr("detail")
		case history.PhaseStepDone:
		default:
			at.Phase = e.Text
		}
	case history.KindFault:
		at.Fault = ""
		if e.Text != "healed" {
			at.Fault = e.Attr("kind") + " " + e.Attr("target")
		}
	case history.KindComplete:
		if p.accepted(e, "") {
			at.Orders++
		}
	case history.KindLine:
		if m := breakerLine.FindStringSubmatch(e.Text); m != nil && e.Part == history.Sidecar {
			at.Breaker = m[1]
		}
	}
}
