package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Rehearsal is a scenario to be played without a folder, in an environment that its caller brings: memory, in a
// testing/synctest bubble.
type Rehearsal struct {
	Scenario scenario.Scenario
	Spec     *resiliency.Spec // nil for none
	Sidecars []byte           // a spec for the sidecars other than Spec; nil for the same
	Start    env.Start
}

// Rehearse plays a scenario and gives the case that the oracle judges. An error means that it could not be played
// to its end; what was recorded until then is in the case.
func Rehearse(ctx context.Context, r Rehearsal) (oracle.Case, error) {
	plan := scenario.NewPlan(r.Scenario, r.Spec)
	if r.Scenario.Sidecar.Kind == scenario.Daprd {
		return oracle.Case{}, fmt.Errorf("sidecar daprd: it is a program, and can't run in memory: %w", errors.ErrUnsupported)
	}
	c := oracle.Case{Plan: plan, Spec: r.Spec}
	h := history.Header{Run: r.Scenario.Name, Scenario: r.Scenario.Name, Env: "memory", EnvWhy: "asked for", Sidecar: "builtin", SidecarVersion: Version()}
	if r.Spec != nil {
		h.SpecSHA256 = sum(r.Spec.Raw)
	}
	var text bytes.Buffer
	rec, err := history.NewRecorder(&text, h)
	if err != nil {
		return c, err
	}
	p := &player{
		plan: plan, spec: r.Spec, rec: rec, exact: true, up: (*Stage)(nil).enter(),
		config: env.Config{
			Run: h.Run, Plan: plan, Specs: specs(plan, r.Spec, r.Sidecars), SpecNames: specNames(r.Spec), Record: rec,
		},
	}
	playing := p.play(ctx, r.Start)
	p.effects(h)
	if err := rec.Close(p.ending(playing)); err != nil {
		return c, err
	}
	c.History, err = history.Read(&text)
	if playing != nil {
		return c, playing
	}
	return c, err
}
