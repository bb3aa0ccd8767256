package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A player takes one plan through its phases.
type player struct {
	options Options
	plan    scenario.Plan
	spec    *resiliency.Spec
	rec     *history.Recorder
	config  env.Config
	up      func() <-chan struct{} // tells the stage that this run is up
	exact   bool                   // time is virtual: nothing is ever late, and no metronome needed to tell

	env       env.Env
	healing   sync.WaitGroup                   // faults that heal themselves
	open      map[string]func(context.Context) // faults that a step heals
	mu        sync.Mutex
	healedAt  time.Duration // the latest healing
	faulted   int           // index in the record of the last injection
	sends     int
	triggered error // the first fault that could not be applied or healed
}

// play brings up, loads, goes through the timeline and tears down. Whatever happens, nothing is left behind.
func (p *player) play(ctx context.Context, start env.Start) (err error) {
	ctx, cancel := p.limited(ctx, p.options.Timeout)
	defer cancel()
	p.open = map[string]func(context.Context){}
	quiet, stop := context.WithCancel(context.WithoutCancel(ctx))
	var observers sync.WaitGroup
	defer observers.Wait()
	defer stop()
	if !p.exact {
		observers.Go(func() { history.Metronome(quiet, history.Runner, p.rec.Record) })
	}
	observers.Go(func() { p.watch(quiet) })

	p.phase(history.PhaseBringUp, nil)
	if p.env, err = start(ctx, p.config); err != nil {
		return fmt.Errorf("bring up: %w", cause(ctx, err))
	}
	whole := ctx
	defer func() { err = errors.Join(err, p.tearDown(whole)) }()
	if !p.loaded() {
		return nil // the oracle says which policy is missing
	}
	p.phase(history.PhaseUp, nil)
	if err := await(ctx, p.up()); err != nil {
		return fmt.Errorf("wait for other runs to be up: %w", cause(ctx, err))
	}
	ctx, cancel = p.limited(ctx, p.limit())
	defer cancel()
	return p.perform(ctx)
}

// perform starts the load and goes through the timeline.
func (p *player) perform(ctx context.Context) error {
	p.phase(history.PhaseLoad, nil)
	if err := p.env.Load(ctx); err != nil {
		return fmt.Errorf("start the load: %w", cause(ctx, err))
	}
	for i, s := range p.plan.Scenario.Timeline {
		attrs := map[string]string{"step": strconv.Itoa(i), "detail": s.String()}
		p.phase(history.PhaseStep, attrs)
		err := p.step(ctx, i, s)
		if errors.Is(err, errGaveUp) {
			p.phase(history.PhaseStepDone, map[string]string{"step": strconv.Itoa(i), "timed_out": "true"})
			if s.Wait.Opened == "" {
				break // what follows would wait for the same in vain
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", i+1, s, cause(ctx, err))
		}
		p.phase(history.PhaseStepDone, map[string]string{"step": strconv.Itoa(i)})
	}
	p.healing.Wait()
	return p.failure()
}

var (
	errTimeout = errors.New("the run took longer than its limit")
	errGaveUp  = errors.New("gave up waiting")
)

// ending says how a play ended, and notes why where it failed.
func (p *player) ending(err error) string {
	if err == nil {
		return "done"
	}
	p.rec.Record(history.Event{Source: history.Runner, Kind: history.KindProblem, Error: err.Error()})
	if errors.Is(err, context.Canceled) || errors.Is(err, errFailFast) {
		return "interrupted"
	}
	return "failed"
}

// cause tells a timeout of the run from an interruption.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// limited bounds the time; 0 for no bound.
func (p *player) limited(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, errTimeout)
}

// limit is how long the timeline may take: that of all its steps and its faults, and a minute for the rest.
func (p *player) limit() time.Duration {
	total := time.Minute
	for i, s := range p.plan.Scenario.Timeline {
		total += p.plan.Limits[i]
		if s.Fault != nil {
			total += s.Fault.For
		}
		if s.Wait != nil {
			total += s.Wait.For // such a wait has no limit of its own
		}
	}
	return total
}

// tearDown ends everything, interrupted or not. What is still broken needs no healing: it goes with the rest.
func (p *player) tearDown(ctx context.Context) error {
	p.healing.Wait() // none of them may start a part any more: the timeline's context has ended
	p.phase(history.PhaseTeardown, nil)
	ctx, cancel := env.Closing(ctx)
	defer cancel()
	if err := p.env.Close(ctx); err != nil {
		return fmt.Errorf("clean up (halfopen clean removes what is left): %w", err)
	}
	return nil
}

func (p *player) phase(name string, attrs map[string]string) {
	p.rec.Record(history.Event{Source: history.Runner, Kind: history.KindPhase, Text: name, Attrs: attrs})
}

// loaded tells whether the sidecar of each caller in scope has proved the spec: without that no load starts.
func (p *player) loaded() bool {
	if p.spec == nil {
		return true
	}
	events, _ := p.rec.Since(0)
	for _, e := range events {
		caller := p.plan.Scenario.Service(e.Service)
		inScope := len(p.spec.Scopes) == 0 || slices.Contains(p.spec.Scopes, e.Service)
		if e.Kind == history.KindPolicy && e.Text == "missing" && caller != nil && caller.Sends != nil && inScope {
			return false
		}
	}
	return true
}

// step does one entry of the timeline.
func (p *player) step(ctx context.Context, i int, s scenario.Step) error {
	switch {
	case s.Wait != nil:
		return p.wait(ctx, *s.Wait, p.plan.Limits[i])
	case s.Fault != nil:
		return p.fault(ctx, *s.Fault)
	case s.Send != nil:
		return p.send(ctx, *s.Send)
	}
	p.open[s.Heal](ctx)
	delete(p.open, s.Heal)
	return p.failure()
}

// fault applies one fault. It heals itself where it has a time for that; otherwise a later step does it.
func (p *player) fault(ctx context.Context, f scenario.Fault) error {
	p.mu.Lock()
	events, _ := p.rec.Since(0)
	p.faulted = len(events)
	p.mu.Unlock()
	p.tell(f, "injected")
	heal, err := p.env.Apply(ctx, f)
	if err != nil {
		return err
	}
	p.tell(f, "applied")
	mend := func(ctx context.Context) {
		p.tell(f, "healing")
		if err := heal(ctx); err != nil {
			p.fail(fmt.Errorf("heal %s: %w", f.Name, err))
			return
		}
		p.tell(f, "healed")
		p.mu.Lock()
		p.healedAt = p.rec.Now()
		p.mu.Unlock()
	}
	if f.Kind == scenario.Restart {
		mend(ctx)
		return p.failure()
	}
	if f.For == 0 {
		p.open[f.Name] = mend
		return nil
	}
	p.healing.Go(func() {
		select {
		case <-ctx.Done():
		case <-time.After(f.For):
			mend(ctx)
		}
	})
	return nil
}

// effects adds to the history when each fault first showed, and which event shows it. It is made of the evidence by
// the rule that the oracle has for it, and the oracle makes it again: it never reads what stands here.
func (p *player) effects(h history.Header) {
	events, _ := p.rec.Since(0)
	for _, e := range oracle.Effects(oracle.Case{Plan: p.plan, Spec: p.spec, History: history.Of(h, events)}) {
		f := e.Fault
		p.rec.Record(history.Event{
			At: e.At, Source: history.Derived, Kind: history.KindFault, Text: "effective", ID: f.Name,
			Service: f.Service, Part: f.Part, Link: f.Link,
			Attrs: map[string]string{
				"kind": f.Kind, "target": f.Target(), "evidence_source": e.Event.Source, "evidence_seq": strconv.FormatUint(e.Event.Seq, 10),
			},
		})
	}
}

func (p *player) tell(f scenario.Fault, text string) {
	p.rec.Record(history.Event{
		Source: history.Runner, Kind: history.KindFault, Text: text, ID: f.Name,
		Service: f.Service, Part: f.Part, Link: f.Link,
		Attrs: map[string]string{"kind": f.Kind, "target": f.Target(), "for_ns": strconv.FormatInt(int64(f.For), 10)},
	})
}

func (p *player) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.triggered == nil {
		p.triggered = err
	}
}

func (p *player) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.triggered
}

// send puts one order of the harness's own through a caller's sidecar.
func (p *player) send(ctx context.Context, s scenario.Send) error {
	within := s.Within
	if within == 0 {
		within = sendWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	p.sends++
	sends := p.plan.Scenario.Service(s.From).Sends
	return p.env.Send(ctx, link.Request{
		Link: s.From + "->sidecar", App: sends.To, Method: sends.Method, Path: sends.Path, Headers: sends.Headers,
		Body: fmt.Sprintf(`{"orderId":"probe-%d"}`, p.sends), ID: "probe-" + strconv.Itoa(p.sends),
	})
}

// sendWithin is how long the harness waits for an answer to an order of its own.
const sendWithin = 30 * time.Second
