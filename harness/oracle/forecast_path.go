package oracle

import (
	"strings"
	"text/template"

	"github.com/halfopen/halfopen/harness/scenario"
)

// An orderPath is where a caller's orders go: one for all of them, or one each.
type orderPath struct {
	all  string
	each *template.Template // nil where there is one for all
}

// pathOf reads a caller's.
func pathOf(c *scenario.Sends) orderPath {
	p := orderPath{all: withoutQuery(c.Path)}
	if strings.Contains(c.Path, "{{") {
		p.each, _ = template.New("path").Parse(c.Path) // what is no template is no scenario
	}
	return p
}

// of gives the path of one order.
func (p orderPath) of(id int) string {
	if p.each == nil {
		return p.all
	}
	var b strings.Builder
	if err := p.each.Execute(&b, struct{ ID int64 }{int64(id)}); err != nil {
		return p.all
	}
	return withoutQuery(b.String())
}

// withoutQuery is what a breaker's name and a door know of a path.
func withoutQuery(p string) string {
	p, _, _ = strings.Cut(p, "?")
	return cleanPath(p)
}
