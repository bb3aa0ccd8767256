package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// policyLoaded: the proof is the metric dapr_resiliency_loaded and no error line. The line "Loading Resiliency
// configuration" and /v1.0/metadata name failed resources too, so they prove nothing.
var policyLoaded = Check{
	Name: "policy-loaded",
	Doc:  "each caller's sidecar has loaded the spec, proved by its metric and by no error line",
	Run: func(r *Reading) Result {
		if r.Spec == nil {
			return notHere("the scenario has no spec")
		}
		var t tally
		inScope := false
		for _, c := range r.Plan.Scenario.Callers() {
			if len(r.Spec.Scopes) > 0 && !slices.Contains(r.Spec.Scopes, c.Name) {
				t.outOfScope(r, c.Name)
				continue
			}
			inScope = true
			for _, name := range r.Spec.Names {
				t.policy(r, c.Name, name)
			}
			for _, s := range r.Said {
				if s.Kind == saidNotLoaded && s.Line.Service == c.Name {
					t.find(Finding{What: c.Name + "'s sidecar says that it could not load a spec", Got: clip(message(s.Line.Text)), Events: points(s.Line)})
				}
			}
		}
		if !inScope && t.examined == 0 {
			return notHere("the spec's scopes leave every caller out")
		}
		return t.result()
	},
}

// outOfScope looks at a caller that the spec is not for: it must not prove that it has loaded it.
func (t *tally) outOfScope(r *Reading, service string) {
	for _, e := range r.policies {
		if e.Service != service || !slices.Contains(r.Spec.Names, e.ID) {
			continue
		}
		t.examined++
		if e.Text == "loaded" {
			t.find(Finding{
				What: fmt.Sprintf("%s's sidecar loaded the resource %s, whose scopes leave it out", service, e.ID),
				Want: "only in " + strings.Join(r.Spec.Scopes, ", "), Got: e.Text, Events: points(e),
			})
		}
	}
}

func (t *tally) policy(r *Reading, service, name string) {
	for _, e := range r.policies {
		if e.Service != service || e.ID != name {
			continue
		}
		t.examined++
		if e.Text != "loaded" {
			t.find(Finding{
				What: service + "'s sidecar did not load the resource " + name, Want: `dapr_resiliency_loaded{name="` + name + `"} 1`,
				Got: e.Text + " " + e.Error, Events: points(e),
			})
		}
		return
	}
	t.doubt("nobody asked %s's sidecar for the resource %s", service, name)
}
