package oracle

// heardPolicy: an error line is proof that a spec is not in force; only what a policy does shows that it is.
var heardPolicy = HearingCheck{
	Name: policyLoaded.Name,
	Doc:  "the spec was loaded: no line says that it was not, and what its policies do is told",
	Run: func(h *Hearing) Result {
		if h.Spec == nil {
			return notHere("there is no spec")
		}
		var t tally
		for _, v := range h.Voices {
			for _, s := range v.lines {
				p := h.policies(v.service, s.target())
				switch {
				case s.Kind == saidNotLoaded:
					t.find(Finding{What: v.service + "'s sidecar says that it could not load a spec", Got: clip(message(s.Line.Text)), Events: points(s.Line)})
				case s.Kind == saidChanged && p.Breaker != nil, s.Kind == saidRetrying && p.Retry != nil && s.target() != "":
					t.examined++
				}
			}
		}
		if t.examined == 0 && len(t.findings) == 0 {
			return unknown("no line shows a policy at work, and what proves a loaded spec is the metric dapr_resiliency_loaded alone")
		}
		return t.result()
	},
}
