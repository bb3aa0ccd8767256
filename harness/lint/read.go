package lint

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
)

// A run is one check of some files.
type run struct {
	options    Options
	files      []*file
	resources  []*resource
	groups     map[string]*group
	components map[string]string // types of components that stand beside: statestore → state.redis
	trips      map[string]tripOf
}

// A resource is a document that is a Resiliency resource, or was meant to be one.
type resource struct {
	file      *file
	item      int // which of a list's items it is, from 1; 0 for a document of its own
	doc       document.Document
	root      document.Value
	spec      *resiliency.Spec
	name      string
	namespace string
	scopes    []string
	group     *group
}

// maxBytes is the largest file that is read.
const maxBytes = document.MaxBytes

func (r *run) read(s *Source, report *Report) {
	if len(s.Data) > maxBytes {
		report.Unread = append(report.Unread, problem.Problem{
			File: s.Name, What: fmt.Sprintf("%d bytes are too many: at most %d are read", len(s.Data), maxBytes), Hint: "is this the file you mean?",
		})
		return
	}
	f := &file{source: s}
	r.files = append(r.files, f)
	for _, d := range document.All(s.Name, s.Data, f.look) {
		if !d.OK {
			r.broken(f, d, report)
			continue
		}
		if items, ok := itemsOf(d.Root); ok {
			r.unpack(f, d, items, report)
			continue
		}
		r.take(f, d, 0)
	}
}

// take notes what a document is.
func (r *run) take(f *file, d document.Document, item int) {
	kind := text(d.Root, "kind")
	if kind == "Component" {
		r.components[text(d.Root, "metadata", "name")] = text(d.Root, "spec", "type")
	}
	if !meant(d.Root, kind) {
		return
	}
	r.resources = append(r.resources, &resource{
		file: f, item: item, doc: d, root: d.Root, name: text(d.Root, "metadata", "name"), namespace: text(d.Root, "metadata", "namespace"), scopes: scopes(d.Root),
	})
}

// itemsOf gives what a list of resources holds, as kubectl prints and applies it: List, or ResiliencyList. The items of
// a list within it are its own.
func itemsOf(root document.Value) (out []document.Value, ok bool) {
	_, items := root.Find("items")
	if !items.IsList() || !strings.HasSuffix(text(root, "kind"), "List") {
		return nil, false
	}
	for _, item := range items.Items() {
		if more, list := itemsOf(item); list {
			out = append(out, more...)
		} else {
			out = append(out, item)
		}
	}
	return out, true
}

// maxItems is how many resources of one list are read.
const maxItems = 500

// unpack takes each item of a list as a document of its own. What only Kubernetes knows, and what a cluster has added
// to an item, says that the file is for kubectl.
func (r *run) unpack(f *file, d document.Document, items []document.Value, report *Report) {
	if len(items) > maxItems {
		report.Unread = append(report.Unread, problem.Problem{File: f.source.Name, Line: d.Root.Line(), Field: "items", What: fmt.Sprintf("%d items: only the first %d are read", len(items), maxItems)})
		items = items[:maxItems]
	}
	for i, entry := range items {
		item := d.Apart(entry)
		f.foreign = f.foreign || foreign(text(item.Root, "apiVersion"), text(item.Root, "kind"))
		if text(item.Root, "metadata", "uid") != "" || text(item.Root, "metadata", "resourceVersion") != "" {
			f.foreign = true
		}
		r.take(f, item, i+1)
	}
}

// broken tells of a document that can't be read: what is no YAML is a finding where it has to do with resiliency, and else
// told of a file that its user named. What is too large is not judged.
func (r *run) broken(f *file, d document.Document, report *Report) {
	for _, p := range d.Problems {
		if p.Kind != document.Syntax {
			report.Unread = append(report.Unread, p)
			continue
		}
		ours := resilient.Match(f.source.Data)
		switch {
		case !ours && !f.source.Named:
			return
		case bytes.Contains(f.source.Data, []byte("{{")):
			p.Hint = "a template is rendered first: helm template … | halfopen lint -"
			report.Unread = append(report.Unread, p)
			continue
		case !ours:
			report.Unread = append(report.Unread, p)
			continue
		}
		r.resources = append(r.resources, &resource{file: f, doc: d, spec: &resiliency.Spec{}})
		return
	}
}

// look tells whether a document is to be parsed: one that has to do with resiliency, or a small one of another kind.
// It notes kinds that only Kubernetes knows.
func (f *file) look(text []byte) bool {
	const small = 8 << 10
	wanted := len(text) < small || about.Match(text)
	if kind := kindLine.FindSubmatch(text); kind != nil && !(wanted && listLine.Match(text)) { // a list says it by its items
		version := versionLine.FindSubmatch(text)
		f.foreign = f.foreign || version != nil && foreign(string(version[1]), string(kind[1]))
	}
	return wanted
}

// foreign tells whether only Kubernetes knows a kind: Resiliency of another apiVersion is misspelt.
func foreign(version, kind string) bool {
	return version != "" && !strings.HasPrefix(version, "dapr.io/") && kind != "Resiliency"
}

var (
	resilient   = regexp.MustCompile(`(?i)resiliency`)
	about       = regexp.MustCompile(`(?i)resilien|circuitbreaker|retries|timeouts`)
	kindLine    = regexp.MustCompile(`(?m)^kind:[ \t]*["']?([^\s"']*)`)
	listLine    = regexp.MustCompile(`(?m)^kind:\s*["']?\w*List\b`)
	versionLine = regexp.MustCompile(`(?m)^apiVersion:\s*["']?([^\s"']+)`)
)

// meant tells whether a document is a Resiliency resource by its kind, or looks like one by its contents.
func meant(root document.Value, kind string) bool {
	if !root.IsMap() {
		return false
	}
	version := text(root, "apiVersion")
	ours := version == "" || strings.HasPrefix(version, "dapr.io/")
	if kind == "Resiliency" || ours && document.Nearest(kind, []string{"Resiliency"}) != "" {
		return true
	}
	for _, where := range [][]string{{"policies", "timeouts"}, {"policies", "retries"}, {"policies", "circuitBreakers"}, {"targets", "apps"}, {"targets", "actors"}, {"targets", "components"}} {
		if _, v := root.Find("spec", where[0], where[1]); v.Set() {
			return true
		}
	}
	return false
}

func text(root document.Value, path ...string) string {
	_, v := root.Find(path...)
	return v.Raw()
}

func scopes(root document.Value) []string {
	_, v := root.Find("scopes")
	var out []string
	for _, item := range v.Items() {
		out = append(out, item.Raw())
	}
	return out
}

// A group is the resources that one sidecar may get together: those of one folder and namespace.
type group struct {
	resources []*resource
	defined   map[string][]*resource // "retries/again" → who defines it
	claims    map[string]claim       // of policies and targets: see l29
	used      map[string]bool        // names of policies that some target names: see l32
}

// gather sorts resources into groups and reads them, each knowing the others.
func (r *run) gather() {
	for _, res := range r.resources {
		key := path.Dir(strings.ReplaceAll(res.file.source.Name, `\`, "/")) + "\x00" + res.namespace
		g := r.groups[key]
		if g == nil {
			g = &group{defined: map[string][]*resource{}}
			r.groups[key] = g
		}
		res.group = g
		g.resources = append(g.resources, res)
		for _, kind := range []string{"timeouts", "retries", "circuitBreakers"} {
			_, v := res.root.Find("spec", "policies", kind)
			for _, name := range v.Keys() {
				g.defined[kind+"/"+name] = append(g.defined[kind+"/"+name], res)
			}
		}
	}
	for _, res := range r.resources {
		if res.spec == nil {
			res.spec = resiliency.Decode(res.root, func(kind, name string) bool { return res.beside(kind, name) != nil })
		}
	}
}

// beside finds another resource that defines a policy wherever this one applies; nil where there is none.
func (res *resource) beside(kind, name string) *resource {
	for _, other := range res.group.defined[kind+"/"+name] {
		if other != res && other.covers(res) {
			return other
		}
	}
	return nil
}

// covers tells whether a resource applies to all apps that another applies to.
func (res *resource) covers(other *resource) bool {
	if len(res.scopes) == 0 {
		return true
	}
	return len(other.scopes) > 0 && !slices.ContainsFunc(other.scopes, func(s string) bool { return !slices.Contains(res.scopes, s) })
}
