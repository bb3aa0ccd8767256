package oracle

import "slices"

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
		if !inScope {
			return notHere("the spec's scopes leave every caller out")
		}
		return t.result()
	},
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
