package lint

import (
	"fmt"
	"slices"
	"strings"
)

func l27() Rule {
	return Rule{
		ID: "L27", Severity: Warning, Link: pageResources,
		Title:  "scopes that leave the caller out",
		Reason: "Policies for a target are applied by the sidecar of the app that calls it. So scopes lists callers, not targets.",
		Effect: "the resource is not loaded where it should act: calls have the built-in retries only",
		Mend:   "list the calling apps under scopes, or leave scopes out",
		check: func(c *checking) {
			if len(c.res.scopes) == 0 {
				return
			}
			at, _ := c.res.root.Find("scopes")
			if s := c.run.options.Scenario; s != nil {
				for _, v := range s.Callers() {
					_, named := c.res.spec.Apps[v.Sends.To]
					if named && !slices.Contains(c.res.scopes, v.Name) {
						c.tell(at, fmt.Sprintf("scopes leave out %s, which calls %s", v.Name, v.Sends.To),
							fmt.Sprintf("%s's sidecar does not load the resource: its calls of %s have the built-in retries only", v.Name, v.Sends.To), "add "+v.Name+" to scopes")
						return
					}
				}
			}
			only := c.res.scopes[0]
			if _, named := c.res.spec.Apps[only]; !named || slices.ContainsFunc(c.res.scopes, func(s string) bool { return s != only }) {
				return
			}
			c.tell(at, fmt.Sprintf("scopes name only %s, which is the target", strings.Join(unique(slices.Clone(c.res.scopes)), ", ")),
				fmt.Sprintf("only %s's own sidecar loads the resource: the sidecars of its callers know nothing of it", only), "list the apps that call "+only)
		},
	}
}
