package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
)

// Kinds of what policies are used for.
const (
	forApp       = "app"
	forDefault   = "default" // all apps that no target names
	forActor     = "actor"
	forInbound   = "inbound"
	forOutbound  = "outbound"
	kindTimeout  = "timeouts"
	kindRetry    = "retries"
	kindBreaker  = "circuitBreakers"
	defaultReach = "every app without a target"
)

// A use is policies that are in force together.
type use struct {
	kind    string
	name    string         // the target's, as it is written
	at      document.Value // the target's key, or the default policy's
	value   document.Value // the target
	target  resiliency.Target
	timeout time.Duration     // 0 for none
	retry   *resiliency.Retry // nil for none, and for one that can't be read
	breaker *resiliency.Breaker
}

// who says whom it is about.
func (u use) who() string {
	if u.kind == forDefault {
		return defaultReach
	}
	return u.name
}

// uses are all of a resource, in the order of the file.
func (res *resource) uses() []use {
	var out []use
	_, targets := res.root.Find("spec", "targets")
	add := func(kind, name string, t resiliency.Target, path ...string) {
		key, value := targets.Find(path...)
		out = append(out, res.use(use{kind: kind, name: name, at: key, value: value, target: t}))
	}
	_, apps := targets.Find("apps")
	for _, name := range unique(apps.Keys()) {
		if t, ok := res.spec.Apps[name]; ok {
			add(forApp, name, t, "apps", name)
		}
	}
	_, actors := targets.Find("actors")
	for _, name := range unique(actors.Keys()) {
		if t, ok := res.spec.Actors[name]; ok {
			add(forActor, name, t.Target, "actors", name)
		}
	}
	_, components := targets.Find("components")
	for _, name := range unique(components.Keys()) {
		if t, ok := res.spec.Components[name]; ok {
			add(forInbound, name, t.Inbound, "components", name, "inbound")
			add(forOutbound, name, t.Outbound, "components", name, "outbound")
		}
	}
	if u, ok := res.byDefault(); ok {
		out = append(out, u)
	}
	return out
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// byDefault is what applies to apps that no target names, with what resources beside add to it; false where that is
// nothing, or a resource for the same apps tells of it.
func (res *resource) byDefault() (use, bool) {
	t := resiliency.Target{
		Timeout:   res.first(kindTimeout, "DefaultAppTimeoutPolicy", "DefaultTimeoutPolicy"),
		Retry:     res.first(kindRetry, "DefaultAppRetryPolicy", "DefaultRetryPolicy"),
		Breaker:   res.first(kindBreaker, "DefaultAppCircuitBreakerPolicy", "DefaultCircuitBreakerPolicy"),
		CacheSize: resiliency.DefaultCacheSize,
	}
	for _, p := range []struct{ kind, name string }{{kindRetry, t.Retry}, {kindBreaker, t.Breaker}, {kindTimeout, t.Timeout}} {
		if p.name == "" {
			continue
		}
		if key, _ := res.policy(p.kind, p.name); key.Set() {
			return res.use(use{kind: forDefault, name: p.name, at: key, target: t}), true
		}
		if res.covers(res.beside(p.kind, p.name)) {
			break
		}
	}
	return use{}, false
}

// first finds the first of some names that a policy here or beside has; "" where none has one.
func (res *resource) first(kind string, names ...string) string {
	for _, n := range names {
		if key, _ := res.policy(kind, n); key.Set() || res.beside(kind, n) != nil {
			return n
		}
	}
	return ""
}

// use fills in the policies that a target names, here or in a resource beside.
func (res *resource) use(u use) use {
	if in := res.where(kindTimeout, u.target.Timeout); in != nil {
		u.timeout = in.spec.Timeouts[u.target.Timeout]
	}
	if in := res.where(kindRetry, u.target.Retry); in != nil {
		if r, ok := in.spec.Retries[u.target.Retry]; ok {
			u.retry = &r
		}
	} else if r, ok := resiliency.Builtin(u.target.Retry); ok && u.target.Retry != "" {
		u.retry = &r
	}
	if in := res.where(kindBreaker, u.target.Breaker); in != nil {
		if b, ok := in.spec.Breakers[u.target.Breaker]; ok {
			u.breaker = &b
		}
	}
	return u
}

// where finds the resource that defines a policy so that it can be read; nil where there is none.
func (res *resource) where(kind, name string) *resource {
	if name == "" {
		return nil
	}
	in := res
	if key, _ := res.policy(kind, name); !key.Set() {
		in = res.beside(kind, name)
	}
	if in == nil || in.unreadable("spec.policies."+kind+"."+name) {
		return nil
	}
	return in
}

// unreadable tells whether something below a path has a value that can't be read.
func (res *resource) unreadable(path string) bool {
	return slices.ContainsFunc(res.doc.Problems, func(p problem.Problem) bool {
		bad := p.Kind == resiliency.BadValue || p.Kind == document.Type || p.Kind == document.List
		return bad && (p.Field == path || strings.HasPrefix(p.Field, path+"."))
	})
}

// policy gives the key and the value of a policy of this resource. Names of policies are exact.
func (res *resource) policy(kind, name string) (key, value document.Value) {
	key, value = res.root.Find("spec", "policies", kind, name)
	if key.Raw() != name {
		return document.Value{}, document.Value{}
	}
	return key, value
}

// field gives the place of a policy's field: its key, else the policy's own, else another place.
func (res *resource) field(kind, name, field string, otherwise document.Value) document.Value {
	if key, _ := res.root.Find("spec", "policies", kind, name, field); key.Set() {
		return key
	}
	if key, _ := res.policy(kind, name); key.Set() {
		return key
	}
	return otherwise
}

// has tells whether a policy of this resource has a field.
func (res *resource) has(kind, name, field string) bool {
	_, v := res.root.Find("spec", "policies", kind, name, field)
	return v.Set() && (v.IsMap() || v.Raw() != "")
}

// A pair is a retry and a breaker that are in force together, and for whom.
type pair struct {
	use
	others []string
}

// pairs gathers the uses that have both, those with the same policies as one.
func (res *resource) pairs() []pair {
	var out []pair
	seen := map[string]int{}
	for _, u := range res.uses() {
		if u.retry == nil || u.breaker == nil {
			continue
		}
		key := fmt.Sprintf("%q %q %q", u.target.Timeout, u.target.Retry, u.target.Breaker)
		if i, ok := seen[key]; ok {
			out[i].others = append(out[i].others, u.who())
			continue
		}
		seen[key] = len(out)
		out = append(out, pair{use: u})
	}
	return out
}

// whom names all for whom a pair is in force.
func (p pair) whom() string {
	switch len(p.others) {
	case 0:
		return p.who()
	case 1:
		return p.who() + " and " + p.others[0]
	}
	return fmt.Sprintf("%s and %d more", p.who(), len(p.others))
}

// A tripOf is a compiled condition, with what is known of it.
type tripOf struct {
	resiliency.Trip
	ok        bool // it can be read, and its types fit
	threshold int  // the how-manieth failure in a row trips it; 0 where none does
}

// trip compiles a breaker's condition, each expression once.
func (r *run) trip(b *resiliency.Breaker) tripOf {
	t, known := r.trips[b.Trip]
	if known {
		return t
	}
	compiled, err := resiliency.CompileTrip(b.Trip)
	t = tripOf{Trip: compiled, ok: err == nil && compiled.Unknown == ""}
	if t.ok {
		t.threshold, _ = t.Threshold()
	}
	r.trips[b.Trip] = t
	return t
}

// span writes a duration without zeros that say nothing: 1m, not 1m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// times says a number of things.
func times(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
