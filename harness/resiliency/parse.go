package resiliency

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/problem"
)

// Parse reads a Resiliency file as daprd does and notes everything that would not do what it says. Where daprd
// would decode the resource, the spec is whole though there are problems; where it would not, the spec has the
// names and nothing applies (Broken says why). It is nil only where nothing can be read at all.
//
// https://docs.dapr.io/operations/resiliency/resiliency-overview/
func Parse(file string, data []byte) (*Spec, problem.List) {
	r, root, ok := document.ReadAliased(file, data)
	if !ok {
		return nil, r.Problems
	}
	if !root.IsMap() {
		root.Tell(document.Type, "a resource is a map", "apiVersion: dapr.io/v1alpha1")
		return nil, r.Problems
	}
	spec := Decode(root, nil)
	spec.Raw = data
	if spec.Broken {
		spec.drop()
	}
	return spec, r.Problems
}

// Decode reads one document. A spec that is Broken still has what could be read of it. Names that other resources
// of the same sidecar define count as defined where elsewhere (nil for nobody) says so.
func Decode(root document.Value, elsewhere func(kind, name string) bool) *Spec {
	if elsewhere == nil {
		elsewhere = func(string, string) bool { return false }
	}
	p := &parser{elsewhere: elsewhere, spec: &Spec{
		Timeouts: map[string]time.Duration{}, Retries: map[string]Retry{}, Breakers: map[string]Breaker{},
		Apps: map[string]Target{}, Actors: map[string]Actor{}, Components: map[string]Component{},
	}}
	before := len(root.Problems())
	p.resource(root.FoldedFields())
	wrongType := func(x problem.Problem) bool { return x.Kind == document.Type || x.Kind == document.List }
	p.spec.Broken = p.broken || slices.ContainsFunc(root.Problems()[before:], wrongType)
	return p.spec
}

// drop leaves a spec without anything that applies.
func (s *Spec) drop() {
	clear(s.Timeouts)
	clear(s.Retries)
	clear(s.Breakers)
	clear(s.Apps)
	clear(s.Actors)
	clear(s.Components)
}

// Kinds of problems that a Resiliency resource can have, besides those of any document.
const (
	BadValue    problem.Kind = "value"       // a duration, policy, list of statuses or trip that can't be read
	BadKind     problem.Kind = "kind"        // no Resiliency
	BadVersion  problem.Kind = "apiVersion"  // another apiVersion
	NoPolicy    problem.Kind = "no policy"   // a name that no policy has
	NoVariable  problem.Kind = "no variable" // a trip with a name that it can't know
	TripType    problem.Kind = "trip type"   // a trip whose types don't fit
	NoDirection problem.Kind = "direction"   // a component's policy that is neither inbound nor outbound
	NoScope     problem.Kind = "scope"       // an actor's breaker without a scope
	Negative    problem.Kind = "negative"    // a number below the least that has a meaning
)

// A parser fills in a spec; broken says that daprd would not decode the resource.
type parser struct {
	spec      *Spec
	broken    bool
	elsewhere func(kind, name string) bool
}

func (p *parser) resource(f *document.Fields) {
	if p.list(f) {
		return
	}
	if v := f.Need("apiVersion", "apiVersion: dapr.io/v1alpha1"); v.Set() && v.Text() != "dapr.io/v1alpha1" {
		v.Tell(BadVersion, fmt.Sprintf("%q is not dapr.io/v1alpha1", v.Text()), "daprd doesn't look at it, but other tools do")
	}
	if v := f.Need("kind", "kind: Resiliency"); v.Text() != "Resiliency" {
		if v.Set() {
			v.Tell(BadKind, fmt.Sprintf("%q is not Resiliency: daprd skips the file without a word", v.Text()), "kind: Resiliency")
		}
		p.broken = true
	}
	meta := f.Need("metadata", "metadata: { name: myresiliency }").FoldedFields()
	meta.Allow("namespace", "labels", "annotations", "creationTimestamp", "generation", "resourceVersion", "uid", // as Kubernetes gives them
		"managedFields", "ownerReferences", "finalizers", "selfLink", "generateName", "deletionTimestamp", "deletionGracePeriodSeconds")
	p.spec.Names = []string{meta.Need("name", "a name for logs and metrics").Text()}
	meta.Done()
	for _, v := range f.Get("scopes").List() {
		p.spec.Scopes = append(p.spec.Scopes, v.Text())
	}
	spec := f.Need("spec", "spec: { policies: …, targets: … }").FoldedFields()
	policies := spec.Get("policies").FoldedFields()
	p.timeouts(policies.Get("timeouts"))
	p.retries(policies.Get("retries"))
	p.breakers(policies.Get("circuitBreakers"))
	policies.Done()
	targets := spec.Get("targets").FoldedFields()
	p.apps(targets.Get("apps"))
	p.actors(targets.Get("actors"))
	p.components(targets.Get("components"))
	targets.Done()
	spec.Done()
	for _, e := range f.All() {
		if strings.EqualFold(e.Key, "policies") || strings.EqualFold(e.Key, "targets") { // so does a page of Dapr's
			f.Allow(e.Key)
			e.KeyAt.Tell(document.Unknown, "unknown field", "put it under spec")
		}
	}
	f.Done()
}

// list tells whether it is a list of resources, as kubectl prints and applies it. daprd in standalone mode loads no
// file of another kind than Resiliency, whatever it holds.
func (p *parser) list(f *document.Fields) bool {
	kind, items := f.Get("kind"), document.Value{}
	for _, e := range f.All() {
		if e.Key == "items" { // which is no field of another kind
			items = e.Value
		}
	}
	if !items.IsList() || !strings.HasSuffix(kind.Raw(), "List") {
		return false
	}
	p.broken = true
	for _, item := range items.Items() { // those that were meant to be loaded
		_, name := item.Find("metadata", "name")
		p.spec.Names = append(p.spec.Names, name.Raw())
	}
	kind.Tell(BadKind, fmt.Sprintf("%q is not Resiliency: daprd skips the file without a word, and what it lists", kind.Raw()), "a file for each resource; only kubectl applies a list")
	return true
}

// bad notes a problem for which daprd drops the resource's targets.
func (p *parser) bad(v document.Value, what, hint string) {
	p.broken = true
	v.Tell(BadValue, what, hint)
}

func (p *parser) timeouts(v document.Value) {
	for _, e := range v.Fields().All() {
		p.spec.Timeouts[e.Key] = p.duration(e.Value, 0)
	}
}

func (p *parser) retries(v document.Value) {
	for _, e := range v.Fields().All() {
		f := e.Value.FoldedFields()
		r := Retry{Name: e.Key, Policy: Constant, Line: e.KeyAt.Line()}
		if v := f.Get("policy"); v.Set() && v.Text() != "" {
			r.Policy = strings.ToLower(v.Text())
			if r.Policy != Constant && r.Policy != Exponential {
				p.bad(v, fmt.Sprintf("%q is no retry policy", v.Text()), "constant or exponential")
			}
		}
		r.Duration = p.duration(f.Get("duration"), defaultRetryDuration)
		r.MaxInterval = p.duration(f.Get("maxInterval"), defaultMaxInterval)
		r.MaxRetries = p.whole(f.Get("maxRetries"), Forever)
		if v := f.Get("maxRetries"); r.MaxRetries < Forever {
			v.Tell(Negative, fmt.Sprintf("%d retries: any number below 0 means for ever", r.MaxRetries), "-1 for ever, 0 for none")
			r.MaxRetries = Forever
		}
		m := f.Get("matching").FoldedFields()
		r.HTTPStatus = p.ranges(m.Get("httpStatusCodes"), 100, 599)
		r.GRPCStatus = p.ranges(m.Get("gRPCStatusCodes"), 0, 16)
		m.Done()
		f.Done()
		p.spec.Retries[e.Key] = r
	}
}

// Dapr's defaults.
const (
	defaultRetryDuration  = 5 * time.Second
	defaultMaxInterval    = 60 * time.Second
	defaultBreakerTimeout = 60 * time.Second
	defaultTrip           = "consecutiveFailures > 5"
	firstInterval         = 500 * time.Millisecond
)

func (p *parser) breakers(v document.Value) {
	for _, e := range v.Fields().All() {
		f := e.Value.FoldedFields()
		b := Breaker{
			Name: e.Key, Line: e.KeyAt.Line(), MaxRequests: p.whole(f.Get("maxRequests"), 1),
			Interval: p.duration(f.Get("interval"), 0), Timeout: p.duration(f.Get("timeout"), defaultBreakerTimeout),
			Trip: defaultTrip,
		}
		if b.MaxRequests == 0 {
			b.MaxRequests = 1
		}
		if b.Timeout <= 0 { // to gobreaker, none given
			b.Timeout = defaultBreakerTimeout
		}
		if b.MaxRequests < 0 {
			p.bad(f.Get("maxRequests"), "fewer than no requests", "1 by default")
		}
		if v := f.Get("trip"); v.Set() && v.Text() != "" {
			b.Trip = v.Text()
			p.trip(v)
		}
		f.Done()
		p.spec.Breakers[e.Key] = b
	}
}

// trip notes what is wrong with a breaker's condition.
func (p *parser) trip(v document.Value) {
	t, err := CompileTrip(v.Text())
	const effect = ": the trip is false wherever its value is needed"
	switch {
	case err != nil:
		p.broken = true
		at := -1
		var where *TripError
		if errors.As(err, &where) {
			at = where.At
		}
		v.TellWithin(at, 1, BadValue, "not a CEL expression: "+err.Error(), defaultTrip)
	case t.Undeclared:
		hint := "known: " + strings.Join(variables, ", ")
		if near := document.Nearest(t.Name, variables); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		v.TellWithin(t.At, len(t.Name), NoVariable, fmt.Sprintf("a trip knows no %q", t.Name)+effect, hint)
	case t.Unknown != "":
		hint := "all counts are whole numbers, and are computed with whole numbers: totalFailures * 10 > requests * 6, not 0.6 * requests"
		if strings.HasSuffix(t.Unknown, ", not bool") {
			hint = "a condition: consecutiveFailures > 5"
		}
		v.TellWithin(t.At, 1, TripType, t.Unknown+effect, hint)
	}
}

func (p *parser) apps(v document.Value) {
	for _, e := range v.Fields().All() {
		f := e.Value.FoldedFields()
		p.spec.Apps[e.Key] = p.target(e, f, "the target would silently have none of this kind")
		for _, e := range f.All() {
			if strings.EqualFold(e.Key, "circuitBreakerScope") { // Dapr's own example has one
				f.Allow(e.Key)
				e.KeyAt.Tell(document.Unknown, "unknown field", "remove it: only actors have one, an app has a breaker for each path")
			}
		}
		f.Done()
	}
}

// target reads the names of a target's policies and, where there is one, the size of its cache.
func (p *parser) target(e document.Entry, f *document.Fields, effect string) Target {
	t := Target{Line: e.KeyAt.Line(), CacheSize: DefaultCacheSize}
	t.Timeout = p.named(f.Get("timeout"), "timeouts", defined(p.spec.Timeouts), effect)
	t.Retry = p.named(f.Get("retry"), "retries", defined(p.spec.Retries), effect)
	t.Breaker = p.named(f.Get("circuitBreaker"), "circuitBreakers", defined(p.spec.Breakers), effect)
	size := f.Get("circuitBreakerCacheSize")
	if n := p.whole(size, 0); n != 0 {
		t.CacheSize = n
	}
	if t.CacheSize < 0 {
		p.bad(size, "a cache for fewer than no breakers", "100 by default, one a path")
	}
	return t
}

// DefaultCacheSize is how many breakers, one a path, are kept for an app.
const DefaultCacheSize = 100

// named takes the name of a policy; one that isn't defined silently lacks that kind in daprd, so it is told here.
func (p *parser) named(v document.Value, kind string, has names, effect string) string {
	name := v.Text()
	if name == "" || has.name(name) || p.elsewhere(kind, name) {
		return name
	}
	if _, builtin := Builtin(name); builtin && kind == "retries" {
		return name
	}
	if v.Full() {
		return name // nobody would hear of it
	}
	hint := "there is none under policies." + kind
	if near := document.Nearest(name, has.all()); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	v.Tell(NoPolicy, fmt.Sprintf("no policy %q: %s", name, effect), hint)
	return name
}

// actors and components are read as daprd reads them, and not run.
func (p *parser) actors(v document.Value) {
	for _, e := range v.Fields().All() {
		f := e.Value.FoldedFields()
		scope := f.Get("circuitBreakerScope")
		a := Actor{Target: p.target(e, f, "the actor would silently have none of this kind"), Scope: scope.Text()}
		switch {
		case a.Breaker == "":
		case a.Scope == "":
			f.Get("circuitBreaker").Tell(NoScope, "an actor's breaker needs a circuitBreakerScope", "circuitBreakerScope: type")
		case a.Scope != "type" && a.Scope != "id" && a.Scope != "both":
			scope.Tell(BadValue, fmt.Sprintf("%q is no scope of a breaker", a.Scope), "type or id")
		}
		f.Done()
		p.spec.Actors[e.Key] = a
	}
}

func (p *parser) components(v document.Value) {
	for _, e := range v.Fields().All() {
		f := e.Value.FoldedFields()
		read := func(direction string) Target {
			g := f.Get(direction).FoldedFields()
			t := Target{Line: e.KeyAt.Line()}
			t.Timeout = p.named(g.Get("timeout"), "timeouts", defined(p.spec.Timeouts), "the component would silently have none of this kind")
			t.Retry = p.named(g.Get("retry"), "retries", defined(p.spec.Retries), "the component would silently have none of this kind")
			t.Breaker = p.named(g.Get("circuitBreaker"), "circuitBreakers", defined(p.spec.Breakers), "daprd crashes at the component's first use")
			g.Done()
			return t
		}
		p.spec.Components[e.Key] = Component{Inbound: read("inbound"), Outbound: read("outbound"), Line: e.KeyAt.Line()}
		for _, name := range []string{"timeout", "retry", "circuitBreaker"} {
			if at := f.Get(name); at.Set() {
				key, _ := e.Value.Find(name)
				key.Tell(NoDirection, "stands beside inbound and outbound, not in one of them, and is ignored", "outbound: { "+name+": "+at.Text()+" }")
			}
		}
		f.Done()
	}
}
