package harness

import (
	"context"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// wait ends when what it names has been seen; errGaveUp where that took longer than its limit.
func (p *player) wait(ctx context.Context, w scenario.Wait, limit time.Duration) error {
	if w.Within > 0 {
		limit = w.Within
	}
	if w.For > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(w.For):
			return nil
		}
	}
	giveUp := time.NewTimer(limit)
	defer giveUp.Stop()
	if w.Recovered != "" {
		healed := make(chan struct{})
		go func() {
			p.healing.Wait()
			close(healed)
		}()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-giveUp.C:
			return errGaveUp
		case <-healed:
		}
	}
	seen := p.looksFor(w)
	for n := p.from(w); ; {
		events, more := p.rec.Since(n)
		for _, e := range events {
			if seen(e) {
				return nil
			}
		}
		n += len(events)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-giveUp.C:
			return errGaveUp
		case <-more:
		}
		if err := p.failure(); err != nil {
			return err
		}
	}
}

// from is where in the record a wait begins to look.
func (p *player) from(w scenario.Wait) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.Opened != "" && p.faulted > 0 {
		return p.faulted // the breaker may have opened before the step began
	}
	if w.Recovered != "" {
		return 0
	}
	events, _ := p.rec.Since(0)
	return len(events)
}

// looksFor gives what recognises the last event that a wait needs.
func (p *player) looksFor(w scenario.Wait) func(history.Event) bool {
	p.mu.Lock()
	healedAt := p.healedAt
	p.mu.Unlock()
	orders := 0
	return func(e history.Event) bool {
		switch {
		case w.Orders > 0:
			if p.accepted(e, "") {
				orders++
			}
			return orders >= w.Orders
		case w.Recovered != "":
			return e.At > healedAt && p.accepted(e, w.Recovered)
		}
		return e.Kind == history.KindLine && e.Service == w.Opened && e.Part == history.Sidecar &&
			strings.Contains(e.Text, "changed state from closed to open")
	}
}

// accepted tells whether an event is the answer that accepts an order of a caller ("" for any).
func (p *player) accepted(e history.Event, caller string) bool {
	if e.Kind != history.KindComplete || e.Status/100 != 2 || strings.HasPrefix(e.ID, "probe-") {
		return false
	}
	l := p.plan.Link(e.Link)
	return l != nil && l.Hop == scenario.HopToSidecar && (caller == "" || l.From == caller)
}
