package lint

import (
	"fmt"
	"slices"
	"strings"
)

func l28() Rule {
	return Rule{
		ID: "L28", Severity: Warning, Link: pageTargets,
		Title:  "a target key with a namespace, or in another case than the app's id",
		Reason: "A target is found by the app id of the call, letter by letter. And a call to app.namespace reaches the app but bypasses its target.",
		Effect: "calls of the app don't find the target, and have the built-in retries only",
		Mend:   "the app id alone, in its own case",
		check: func(c *checking) {
			apps := append([]string(nil), c.res.scopes...)
			if s := c.run.options.Scenario; s != nil {
				for _, v := range s.Services {
					apps = append(apps, v.Name)
				}
			}
			_, targets := c.res.root.Find("spec", "targets", "apps")
			names := unique(targets.Keys())
			for _, name := range names {
				key, _ := targets.Find(name)
				if app, namespace, ok := strings.Cut(name, "."); ok && app != "" {
					c.tell(key, fmt.Sprintf("%s is an app id with a namespace (%s)", name, namespace),
						fmt.Sprintf("calls of %s don't find this target, and have the built-in retries only", app), app+"; a call that names a namespace bypasses its target in any case")
					continue
				}
				if k := otherCase(name, apps, names); k != "" {
					c.tell(key, fmt.Sprintf("%s differs from %s only in case", name, k),
						fmt.Sprintf("app ids are exact: calls of %s don't find this target", k), k)
				}
			}
		},
	}
}

// otherCase finds the app that a target is meant for whose key is in another case: one that is known to be, or one of
// the other keys, of which that in small letters is taken to be right; "" for none.
func otherCase(name string, apps, names []string) string {
	if slices.Contains(apps, name) {
		return ""
	}
	if name != strings.ToLower(name) {
		apps = append(slices.Clone(apps), names...)
	}
	for _, k := range apps {
		if k != name && strings.EqualFold(k, name) {
			return k
		}
	}
	return ""
}
