package lint

import (
	"fmt"
	"path"
	"strings"

	"github.com/halfopen/halfopen/harness/document"
)

func l29() Rule {
	return Rule{
		ID: "L29", Severity: Warning, Link: pageOverview,
		Title:  "one name or target that is defined twice",
		Reason: "daprd merges all resources of a folder that are for the same app into one. Of two policies with one name, or two targets for one app, the one that it reads last wins, for the other resource's targets too. The same goes for a key that stands twice in a map.",
		Effect: "one of the two never applies, without a word",
		Mend:   "one definition of each; give policies of different resources different names",
		check: func(c *checking) {
			c.pass(Warning, always("daprd takes the last one, without a word; stricter readers refuse the file"), document.Twice)
			for _, kind := range []string{kindTimeout, kindRetry, kindBreaker} {
				c.twice("policies", kind)
			}
			for _, kind := range []string{"apps", "actors", "components"} {
				c.twice("targets", kind)
			}
		},
	}
}

// twice tells of names that an earlier resource of the same sidecar has, too.
func (c *checking) twice(part, kind string) {
	_, v := c.res.root.Find("spec", part, kind)
	for _, name := range unique(v.Keys()) {
		key, _ := v.Find(name)
		earlier, at := c.res.group.claim(part+"/"+kind+"/"+name, c.res, key)
		if earlier == nil {
			continue
		}
		file := path.Base(strings.ReplaceAll(earlier.file.source.Name, `\`, "/"))
		c.tell(key, fmt.Sprintf("%s %s is defined in %s:%d, too", words[kind], name, file, at.Line()),
			"a sidecar that loads both takes the one that it reads last, for the other resource as well, without a word", "one definition, or two names")
	}
}

var words = map[string]string{
	kindTimeout: "timeout", kindRetry: "retry", kindBreaker: "breaker", "apps": "the target for app", "actors": "the target for actor", "components": "the target for component",
}

// A claim is who defines something for whom.
type claim struct {
	by *resource
	at document.Value
}

// claim notes that a resource defines something, and gives an earlier one that does so for one of the same apps.
func (g *group) claim(what string, by *resource, at document.Value) (*resource, document.Value) {
	if g.claims == nil {
		g.claims = map[string]claim{}
	}
	apps := by.scopes
	if len(apps) == 0 {
		apps = []string{"*"}
	}
	var earlier claim
	for _, app := range apps {
		for _, k := range []string{what + "\x00" + app, what + "\x00*"} {
			if e, ok := g.claims[k]; ok && e.by != by && earlier.by == nil {
				earlier = e
			}
		}
	}
	if apps[0] == "*" && earlier.by == nil {
		earlier = g.claims[what]
		if earlier.by == by {
			earlier = claim{}
		}
	}
	for _, app := range apps {
		if k := what + "\x00" + app; g.claims[k].by == nil {
			g.claims[k] = claim{by, at}
		}
	}
	if g.claims[what].by == nil {
		g.claims[what] = claim{by, at}
	}
	return earlier.by, earlier.at
}
