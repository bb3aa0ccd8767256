package resiliency

import (
	"fmt"
	"strconv"
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
	r, root, ok := document.Read(file, data)
	spec := &Spec{
		Timeouts: map[string]time.Duration{}, Retries: map[string]Retry{}, Breakers: map[string]Breaker{},
		Apps: map[string]Target{}, Raw: data,
	}
	if !ok {
		return nil, r.Problems
	}
	p := &parser{spec: spec}
	if !root.IsMap() {
		root.Problem("a resource is a map", "apiVersion: dapr.io/v1alpha1")
		return nil, r.Problems
	}
	p.resource(root.FoldedFields())
	if p.broken {
		spec.drop()
	}
	return spec, r.Problems
}

// drop leaves a spec without anything that applies.
func (s *Spec) drop() {
	s.Broken = true
	clear(s.Timeouts)
	clear(s.Retries)
	clear(s.Breakers)
	clear(s.Apps)
}

// A parser fills in a spec; broken says that daprd would not decode the resource.
type parser struct {
	spec   *Spec
	broken bool
}

func (p *parser) resource(f *document.Fields) {
	if v := f.Need("apiVersion", "apiVersion: dapr.io/v1alpha1"); v.Set() && v.Text() != "dapr.io/v1alpha1" {
		v.Problem(fmt.Sprintf("%q is not dapr.io/v1alpha1", v.Text()), "daprd doesn't look at it, but other tools do")
	}
	if v := f.Need("kind", "kind: Resiliency"); v.Text() != "Resiliency" {
		if v.Set() {
			v.Problem(fmt.Sprintf("%q is not Resiliency: daprd skips the file without a word", v.Text()), "kind: Resiliency")
		}
		p.broken = true
	}
	meta := f.Need("metadata", "metadata: { name: myresiliency }").FoldedFields()
	meta.Allow("namespace", "labels", "annotations")
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
	p.others(targets.Get("actors"), "timeout", "retry", "circuitBreaker", "circuitBreakerScope", "circuitBreakerCacheSize")
	p.components(targets.Get("components"))
	targets.Done()
	spec.Done()
	f.Done()
}

// bad notes a problem for which daprd drops the resource's targets.
func (p *parser) bad(v document.Value, what, hint string) {
	p.broken = true
	v.Problem(what, hint)
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
		if v := f.Get("policy"); v.Set() {
			r.Policy = strings.ToLower(v.Text())
			if r.Policy != Constant && r.Policy != Exponential {
				p.bad(v, fmt.Sprintf("%q is no retry policy", v.Text()), "constant or exponential")
			}
		}
		r.Duration = p.duration(f.Get("duration"), defaultRetryDuration)
		r.MaxInterval, r.CapGiven = p.duration(f.Get("maxInterval"), defaultMaxInterval), f.Get("maxInterval").Set()
		r.MaxRetries = f.Get("maxRetries").Int(Forever)
		if v := f.Get("maxRetries"); r.MaxRetries < Forever {
			p.bad(v, "fewer than no retries", "-1 for ever, 0 for none")
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
			Name: e.Key, Line: e.KeyAt.Line(), MaxRequests: f.Get("maxRequests").Int(1),
			Interval: p.duration(f.Get("interval"), 0), Timeout: p.duration(f.Get("timeout"), defaultBreakerTimeout),
			Trip: defaultTrip,
		}
		if b.MaxRequests == 0 {
			b.MaxRequests = 1
		}
		if b.MaxRequests < 0 {
			p.bad(f.Get("maxRequests"), "fewer than no requests", "1 by default")
		}
		if v := f.Get("trip"); v.Set() {
			b.Trip = v.Text()
			t, err := CompileTrip(b.Trip)
			switch {
			case err != nil:
				p.bad(v, "not a CEL expression: "+err.Error(), "consecutiveFailures > 5")
			case t.Unknown != "":
				v.Problem(fmt.Sprintf("%s: the trip is false wherever its value is needed", t.Unknown), "known: "+strings.Join(variables, ", "))
			}
		}
		f.Done()
		p.spec.Breakers[e.Key] = b
	}
}

func (p *parser) apps(v document.Value) {
	for _, e := range v.Fields().All() {
		f := e.Value.FoldedFields()
		t := Target{Line: e.KeyAt.Line(), CacheSize: f.Get("circuitBreakerCacheSize").Int(100)}
		t.Timeout = p.named(f.Get("timeout"), "timeouts", keys(p.spec.Timeouts))
		t.Retry = p.named(f.Get("retry"), "retries", keys(p.spec.Retries))
		t.Breaker = p.named(f.Get("circuitBreaker"), "circuitBreakers", keys(p.spec.Breakers))
		f.Done()
		p.spec.Apps[e.Key] = t
	}
}

// named takes the name of a policy; one that isn't defined silently lacks that kind in daprd, so it is told here.
func (p *parser) named(v document.Value, kind string, defined []string) string {
	name := v.Text()
	if name == "" || contains(defined, name) {
		return name
	}
	hint := "there is none under policies." + kind
	if near := document.Nearest(name, defined); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	v.Problem(fmt.Sprintf("no policy %q: the target would silently have none of this kind", name), hint)
	return name
}

// others checks the shape of targets that halfopen reads but does not run.
func (p *parser) others(v document.Value, known ...string) {
	for _, e := range v.Fields().All() {
		f := e.Value.FoldedFields()
		f.Allow(known...)
		f.Done()
	}
}

func (p *parser) components(v document.Value) {
	for _, e := range v.Fields().All() {
		f := e.Value.FoldedFields()
		for _, direction := range []string{"inbound", "outbound"} {
			g := f.Get(direction).FoldedFields()
			g.Allow("timeout", "retry", "circuitBreaker")
			g.Done()
		}
		f.Done()
	}
}

// duration reads Dapr's durations: Go's form, or a bare number of milliseconds.
func (p *parser) duration(v document.Value, otherwise time.Duration) time.Duration {
	text := v.Text()
	if text == "" {
		return otherwise
	}
	d, err := ParseDuration(text)
	if err != nil {
		p.bad(v, err.Error(), "5s, 500ms, 1m30s; a bare number is milliseconds")
		return otherwise
	}
	if d < 0 {
		p.bad(v, fmt.Sprintf("%s is negative", d), "")
		return otherwise
	}
	return d
}

// ParseDuration reads one of Dapr's durations.
func ParseDuration(text string) (time.Duration, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		const most = int64(1<<63-1) / int64(time.Millisecond)
		if ms > most || ms < -most {
			return 0, fmt.Errorf("%q is too long for a duration", text)
		}
		return time.Duration(ms) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration", text)
	}
	return d, nil
}

// ranges reads a list of status codes: "429,500-599".
func (p *parser) ranges(v document.Value, lowest, highest int) []StatusRange {
	text := v.Text()
	if text == "" {
		return nil
	}
	out, err := ParseRanges(text, lowest, highest)
	if err != nil {
		p.bad(v, err.Error(), "429,500-599: no blanks, no 5xx")
	}
	return out
}

// ParseRanges reads codes and ranges of codes, separated by commas without blanks.
func ParseRanges(text string, lowest, highest int) ([]StatusRange, error) {
	var out []StatusRange
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, aerr := strconv.Atoi(from)
		b, berr := strconv.Atoi(to)
		switch {
		case aerr != nil || berr != nil:
			return nil, fmt.Errorf("%q is no status code or range of them", part)
		case a > b:
			return nil, fmt.Errorf("%q ends before it begins", part)
		case a < lowest || b > highest:
			return nil, fmt.Errorf("%q is not within %d-%d", part, lowest, highest)
		}
		out = append(out, StatusRange{From: a, To: b})
	}
	return out, nil
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}
