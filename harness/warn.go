package harness

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Warnings are what is legal in a scenario together with its spec, and probably not what was meant. They keep nothing
// from running. What a spec alone shows is lint's to tell.
func Warnings(s scenario.Scenario, spec *resiliency.Spec) problem.List {
	if spec == nil {
		return nil
	}
	var out problem.List
	file := specFile(s)
	var services []string
	for _, v := range s.Services {
		services = append(services, v.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Apps)) {
		if s.Service(name) != nil {
			continue
		}
		hint := "the services are " + problem.Names(services)
		if near := document.Nearest(name, services); near != "" {
			hint = fmt.Sprintf("did you mean %s? (%s)", near, hint)
		}
		out = append(out, problem.Problem{
			File: file, Line: spec.Apps[name].Line, Field: "spec.targets.apps." + name, What: "no service of the scenario has this app id", Hint: hint,
		})
	}
	return append(out, TooShort(s, spec)...)
}

// shortestReal is the shortest interval that a real machine keeps well enough to be judged when it is busy.
const shortestReal = 500 * time.Millisecond

// TooShort finds intervals in force that drown in the noise of a real, busy machine: what depends on them may often
// come out as unknown there. In memory they are fine.
func TooShort(s scenario.Scenario, spec *resiliency.Spec) problem.List {
	var out problem.List
	told := map[string]bool{}
	for _, c := range s.Callers() {
		p := spec.For(c.Name, c.Sends.To)
		note := func(field string, line int, d time.Duration) {
			if d <= 0 || d >= shortestReal || told[field] {
				return
			}
			told[field] = true
			out = append(out, problem.Problem{
				File: specFile(s), Line: line, Field: field, What: fmt.Sprintf("%s drowns in the noise of a busy machine: what it promises may come out as unknown", d),
				Hint: fmt.Sprintf("%s or more, where it runs in processes or containers", shortestReal),
			})
		}
		if r := p.Retry; r != nil && r.Policy == resiliency.Constant {
			note("spec.policies.retries."+r.Name+".duration", r.Line, r.Duration)
		}
		if b := p.Breaker; b != nil {
			note("spec.policies.circuitBreakers."+b.Name+".timeout", b.Line, b.Timeout)
			note("spec.policies.circuitBreakers."+b.Name+".interval", b.Line, b.Interval)
		}
		if p.Timeout != nil {
			note("spec.policies.timeouts", 0, *p.Timeout)
		}
	}
	return out
}

// specFile is the spec's path as seen from where people are.
func specFile(s scenario.Scenario) string {
	path := filepath.Join(s.Dir, s.Resiliency)
	if here, err := filepath.Abs("."); err == nil {
		if rel, err := filepath.Rel(here, path); err == nil && len(rel) < len(path) {
			return rel
		}
	}
	return path
}
