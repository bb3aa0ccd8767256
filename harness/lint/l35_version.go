package lint

import (
	"fmt"
	"slices"

	"github.com/halfopen/halfopen/harness/document"
)

func l35() Rule {
	return Rule{
		ID: "L35", Severity: Note, Link: pageOverview,
		Title:  "a field that is newer than the daprd that will read it",
		Reason: "An older daprd ignores what it doesn't know. Its version is known from --dapr-version.",
		Effect: "the field is ignored without a word",
		Mend:   "a newer daprd, or do without",
		needs:  func(o Options) bool { return o.Dapr != Version{} },
		check: func(c *checking) {
			_, retries := c.res.root.Find("spec", "policies", "retries")
			for _, name := range unique(retries.Keys()) {
				if key, v := retries.Find(name, "matching"); v.Set() {
					c.newer(key, "matching", Version{1, 15, 0}, "every failure is retried, whatever its status")
				}
				if key, v := retries.Find(name, "maxRetries"); v.Raw() == "0" {
					c.newer(key, "maxRetries: 0", Version{1, 10, 0}, "it is dropped, and the default of -1 is in force: for ever")
				}
			}
			for _, kind := range []string{kindTimeout, kindRetry, kindBreaker} {
				_, policies := c.res.root.Find("spec", "policies", kind)
				for _, name := range unique(policies.Keys()) {
					key, _ := policies.Find(name)
					switch {
					case kind == kindRetry && isBuiltin(name):
						c.newer(key, name, Version{1, 8, 0}, "the name has no meaning, and the policy no effect")
					case slices.Contains(defaultNames(kind), name):
						c.newer(key, name, Version{1, 9, 0}, "the name has no meaning, and the policy acts only where a target names it")
					}
				}
			}
		},
	}
}

func (c *checking) newer(at document.Value, what string, since Version, effect string) {
	if c.run.options.Dapr.Before(since) {
		c.tell(at, fmt.Sprintf("%s came with daprd %s, and %s will read it", what, since, c.run.options.Dapr), effect, "daprd "+since.String()+" or later")
	}
}
