package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// addTargets takes a resource's targets in: apps, actors, components. An error in an actor's leaves all apps' active.
func (p *Policies) addTargets(r *Resource) error {
	targets := r.Spec.Targets
	for _, name := range slices.Sorted(maps.Keys(targets.Apps)) {
		p.apps[name] = targets.Apps[name]
		if targets.Apps[name].CircuitBreakerCacheSize < 0 {
			return errCacheSize
		}
	}
	for _, name := range slices.Sorted(maps.Keys(targets.Actors)) {
		if err := targets.Actors[name].check(); err != nil {
			return err
		}
	}
	if len(targets.Actors) > 0 {
		p.notRun = append(p.notRun, "actors")
	}
	if len(targets.Components) > 0 {
		p.notRun = append(p.notRun, "components")
	}
	return nil
}

// errCacheSize is what daprd says of a cache of breakers that could hold none.
var errCacheSize = errors.New("must provide a positive size")

// check finds what daprd finds wrong with an actor's target.
func (a actorSpec) check() error {
	switch {
	case a.CircuitBreakerCacheSize < 0:
		return errCacheSize
	case a.CircuitBreaker == "":
		return nil
	case a.CircuitBreakerScope == "":
		return errors.New("actor circuit breakers must include scope")
	case !slices.Contains([]string{"type", "id", "both"}, a.CircuitBreakerScope):
		return fmt.Errorf("unknown circuit breaker scope %q", a.CircuitBreakerScope)
	}
	return nil
}

// NotRun names the kinds of targets that were read and have no effect here, each once.
func (p *Policies) NotRun() []string { return slices.Compact(slices.Sorted(slices.Values(p.notRun))) }

// Warnings are what daprd says of policies that it takes otherwise than they are written.
func (p *Policies) Warnings() []string { return p.warnings }

// Has tells which kinds of policies are in force for a target: timeout, retry, breaker.
func (t Target) Has() (timeout, retry, breaker bool) {
	return t.timeout > 0, t.retry != nil, t.breaker != nil
}

// App is the id of the app that a target is about.
func (t Target) App() string { return t.app }
