// Package harness is the pipeline on one page: a scenario becomes a plan; an environment plays the plan while
// observers write one history; the oracle turns scenario, spec and history into a verdict; reports tell it.
package harness

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Options say what to run and where.
type Options struct {
	Scenario          string         // a scenario's folder or file
	Env               string         // auto (default) | container | process
	SidecarResiliency string         // a spec for the sidecars other than the oracle's: to see a promise broken
	Sidecar           string         // builtin | daprd; "" for what the scenario says, and then the built-in one
	Daprd             string         // a daprd executable, its name on PATH, or an image; "" for the one that is found
	Reports           string         // where runs land; "reports" by default
	Binary            string         // a halfopen executable to play the roles; this one by default
	Timeout           time.Duration  // of the whole run; 0 takes the plan's own
	Stage             *Stage         // shared with runs that go on at once; nil for a run that is alone
	Watch             func(Progress) // told of each change while it runs; nil for nobody

	up func() <-chan struct{} // its place on a stage that it has entered already
}

// A Run is what came of it: a folder that holds everything, and the verdict.
type Run struct {
	Dir     string
	Verdict oracle.Verdict
}

// Play takes a scenario from its files to its verdict. An error means that nothing could be judged; a broken
// promise is no error but in the verdict. Bad input is a problem.List and starts nothing.
func Play(ctx context.Context, o Options) (*Run, error) {
	plan, spec, sidecarSpec, ground, beside, err := prepare(ctx, o)
	if err != nil {
		return nil, NotStarted{err}
	}
	up := o.up
	if up == nil {
		up = o.Stage.enter()
	}
	defer up()
	id := runID(plan.Scenario.Name)
	dir, err := newFolder(o.Reports, id, plan, spec, sidecarSpec)
	if err != nil {
		return nil, NotStarted{err}
	}
	h := header(id, plan, spec, sidecarSpec, ground, beside)
	rec, closeHistory, err := dir.record(h)
	if err != nil {
		return nil, err
	}
	if _, err := env.CleanProcesses(false); err != nil { // what a run that was killed has left
		return nil, fmt.Errorf("clean up behind an earlier run: %w", err)
	}
	ledger, err := env.OpenLedger(id)
	if err != nil {
		return nil, err
	}
	defer ledger.Close()
	p := &player{
		options: o, plan: plan, spec: spec, rec: rec, up: up,
		config: env.Config{
			Run: id, Dir: dir.path, Binary: ground.Binary, Plan: plan,
			Specs: specs(plan, spec, sidecarSpec), SpecNames: specNames(spec), Record: rec, Ledger: ledger, Sidecar: beside,
		},
	}
	err = p.play(ctx, ground.Start)
	p.effects(h)
	if cerr := closeHistory(p.ending(err)); cerr != nil {
		return nil, errors.Join(err, cerr)
	}
	verdict, jerr := Judge(dir.path)
	if jerr != nil {
		return nil, errors.Join(err, jerr)
	}
	return &Run{Dir: dir.path, Verdict: verdict}, err
}

// NotStarted is an error for which no run was started: bad input, wrong usage, or no engine where one was asked for.
type NotStarted struct{ error }

func (n NotStarted) Unwrap() error { return n.error }

// Unsuited is an error for which an environment can't run a scenario at all, as where a command is to run in a
// container.
type Unsuited struct{ error }

// prepare reads all input and chooses the environment. It starts nothing.
func prepare(ctx context.Context, o Options) (plan scenario.Plan, spec *resiliency.Spec, sidecars []byte, g Ground, beside env.Sidecar, err error) {
	s, spec, err := Load(o.Scenario)
	sidecars, problems := sidecarSpec(o.SidecarResiliency)
	if err = together(err, problems); err != nil {
		return plan, nil, nil, g, beside, err
	}
	if o.Timeout < 0 {
		return plan, nil, nil, g, beside, fmt.Errorf("a timeout of %s: time only goes forward", o.Timeout)
	}
	name, why, err := suited(s, o.Env)
	if err != nil {
		return plan, nil, nil, g, beside, err
	}
	if err := findPrograms(o.Scenario, s); err != nil {
		return plan, nil, nil, g, beside, err
	}
	g, err = Choose(ctx, name, o.Binary)
	if why != "" {
		g.Why = why
	}
	if err == nil {
		beside, err = sidecar(ctx, o, s, g.Name)
	}
	return scenario.NewPlan(s, spec), spec, sidecars, g, beside, err
}

// runID names a run so that folders sort by scenario and time, and parallel runs don't meet.
func runID(name string) string {
	var b [3]byte
	rand.Read(b[:])
	return name + "-" + time.Now().Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// sidecarSpec reads the spec that the sidecars get instead of the oracle's; nil where they get the same. One that daprd
// would refuse is fine, since that may be what somebody wants to see; one that nobody could read is not.
func sidecarSpec(path string) ([]byte, problem.List) {
	if path == "" {
		return nil, nil
	}
	text, err := readFile(path)
	if err != nil {
		return nil, unreadable(path, err, "--sidecar-resiliency FILE: a spec for the sidecars alone")
	}
	spec, problems := resiliency.Parse(path, text)
	if spec == nil {
		return nil, problems
	}
	return text, nil
}
