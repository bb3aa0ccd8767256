package scenario

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/problem"
)

// Parse reads a scenario's file and notes everything that is wrong with it at once.
// The scenario may be run only where there is no problem.
func Parse(file string, data []byte) (Scenario, problem.List) {
	r, root, ok := document.Read(file, data)
	s := Scenario{File: file, Dir: filepath.Dir(file)}
	if !ok {
		return s, r.Problems
	}
	p := &parser{s: &s, faults: map[string]*open{}}
	if !root.IsMap() {
		root.Problem("a scenario is a map", "name: "+filepath.Base(s.Dir))
		return s, r.Problems
	}
	p.scenario(root.Fields())
	return s, r.Problems
}

// A parser fills in a scenario.
type parser struct {
	s      *Scenario
	faults map[string]*open // by name
}

// open is a fault that the timeline has injected so far.
type open struct {
	at     document.Value
	self   bool // heals itself
	healed bool
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// IsName tells whether a text can be a scenario's name or an app id: small letters, digits and hyphens.
func IsName(text string) bool { return nameForm.MatchString(text) }

// runFolder is what a run's folder has behind its scenario's name: a run can be run again from what it saved.
var runFolder = regexp.MustCompile(`-[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$`)

func (p *parser) scenario(f *document.Fields) {
	name := f.Need("name", "name: "+filepath.Base(p.s.Dir))
	p.s.Name = name.Text()
	if p.s.Name != "" && !IsName(p.s.Name) {
		name.Problem(fmt.Sprintf("%q: want small letters, digits and hyphens", p.s.Name), "stop-order-processor")
	}
	if folder := filepath.Base(p.s.Dir); p.s.Name != "" && folder != "." && p.s.Name != folder && p.s.Name != runFolder.ReplaceAllString(folder, "") {
		name.Problem(fmt.Sprintf("%q differs from the folder's name %q", p.s.Name, folder), "rename one of them")
	}
	p.s.Why = strings.TrimSpace(f.Need("why", "one paragraph for the reader: what happens, and what it teaches").Text())
	p.s.Seed = int64(f.Get("seed").Int(1))
	p.s.Resiliency, p.s.ResiliencyLine = f.Get("resiliency").Text(), f.Get("resiliency").Line()
	p.sidecar(f.Get("sidecar"))
	services := f.Need("services", "services: { order-processor: { app: order-processor }, checkout: { app: checkout, sends: { to: order-processor } } }")
	p.services(services)
	timeline := f.Need("timeline", "timeline: [ wait: { orders: 4 } ]")
	steps := timeline.List()
	if timeline.Set() && len(steps) == 0 {
		timeline.Problem("is empty: a run that does nothing shows nothing", "- wait: { orders: 4 }")
	}
	for _, v := range steps {
		p.step(v)
	}
	for _, name := range slices.Sorted(maps.Keys(p.faults)) {
		if o := p.faults[name]; !o.self && !o.healed {
			o.at.Problem(fmt.Sprintf("fault %q is never healed", name), "give it `for:`, or a later step `heal: "+name+"`")
		}
	}
	p.expect(f.Get("expect"))
	p.announced(f.Get("sidecar"))
	f.Done()
	if services.IsMap() && len(p.s.Callers()) == 0 {
		services.Problem("no service sends anything: there would be nothing to see", "checkout: { app: checkout, sends: { to: … } }")
	}
}

func (p *parser) services(v document.Value) {
	entries := v.Fields().All()
	for _, e := range entries {
		if !IsName(e.Key) {
			e.KeyAt.Problem(fmt.Sprintf("%q is no app id: want small letters, digits and hyphens", e.Key), "")
		}
		p.s.Services = append(p.s.Services, p.service(e))
	}
	for i, e := range entries {
		if s := p.s.Services[i]; s.Sends != nil && s.Sends.To != "" {
			p.target(e.Value.Fields().Get("sends").Fields().Get("to"), s)
		}
	}
}

// target checks whom a caller sends to.
func (p *parser) target(v document.Value, s Service) {
	to := p.s.Service(s.Sends.To)
	switch {
	case to == nil:
		p.unknownService(v)
	case to.Name == s.Name:
		v.Problem(s.Name+" would send to itself", "")
	case to.Port == 0:
		v.Problem(to.Name+" listens nowhere", "give it `port:`")
	}
}

func (p *parser) unknownService(v document.Value) {
	var known []string
	for _, s := range p.s.Services {
		known = append(known, s.Name)
	}
	hint := "there are: " + strings.Join(known, ", ")
	if near := document.Nearest(v.Text(), known); near != "" {
		hint = fmt.Sprintf("did you mean %s? (%s)", near, hint)
	}
	v.Problem(fmt.Sprintf("no service %q", v.Text()), hint)
}

// expect reads what the spec can't say.
func (p *parser) expect(v document.Value) {
	p.s.Expect.Verdict = "pass"
	if !v.Set() {
		return
	}
	f := v.Fields()
	if w := f.Get("verdict"); w.Set() {
		p.s.Expect.Verdict = w.Text()
		if w.Text() != "pass" && w.Text() != "fail" {
			w.Problem(fmt.Sprintf("%q: want pass or fail", w.Text()), "")
		}
	}
	for _, c := range f.Get("checks").List() {
		p.s.Expect.Checks = append(p.s.Expect.Checks, c.Text())
		p.named(c.Text(), c)
	}
	p.severity(f.Get("severity"))
	switch n := len(p.s.Expect.Checks); {
	case p.s.Expect.Verdict == "fail" && n == 0:
		v.Problem("expects to fail, but not what", "checks: [policy-loaded]")
	case p.s.Expect.Verdict == "pass" && n > 0:
		f.Get("checks").Problem("are those that must fail, and the verdict is pass", "verdict: fail")
	}
	if w := f.Get("specErrors"); w.Set() {
		p.s.Expect.SpecErrors = w.Text() == "true"
		if w.Text() != "true" && w.Text() != "false" {
			w.Problem(fmt.Sprintf("%q: want true or false", w.Text()), "")
		}
	}
	for _, l := range f.Get("logs").List() {
		p.s.Expect.Logs = append(p.s.Expect.Logs, p.log(l))
	}
	f.Done()
}

// severity reads which checks are told without counting.
func (p *parser) severity(v document.Value) {
	for _, e := range v.Fields().All() {
		switch level := e.Value.Text(); {
		case level != "warn" && level != "fail":
			e.Value.Problem(fmt.Sprintf("%q: want warn or fail", level), e.Key+": warn")
		case level == "fail": // as without the line
		case slices.Contains(p.s.Expect.Checks, e.Key):
			e.KeyAt.Problem("must fail here, and would not count", "remove it here or under checks")
		default:
			if p.s.Expect.Severity == nil {
				p.s.Expect.Severity = map[string]string{}
			}
			p.s.Expect.Severity[e.Key] = level
		}
		p.named(e.Key, e.KeyAt)
	}
}

// named notes where a check is named.
func (p *parser) named(check string, v document.Value) {
	if p.s.Expect.Lines == nil {
		p.s.Expect.Lines = map[string]int{}
	}
	p.s.Expect.Lines[check] = v.Line()
}

func (p *parser) log(v document.Value) Log {
	f := v.Fields()
	l := Log{Service: f.Need("service", "whose line?").Text(), Part: or(f.Get("part").Text(), history.App), Times: f.Get("times").Int(0)}
	if l.Service != "" && p.s.Service(l.Service) == nil {
		p.unknownService(f.Get("service"))
	}
	if l.Part != history.App && l.Part != history.Sidecar {
		f.Get("part").Problem(fmt.Sprintf("%q: want app or sidecar", l.Part), "")
	}
	match := f.Need("match", "a regular expression")
	l.Match = match.Text()
	if _, err := regexp.Compile(l.Match); err != nil {
		match.Problem(err.Error(), "the syntax is RE2's")
	}
	if l.Times < 0 {
		f.Get("times").Problem("is negative", "leave it out for: at least once")
	}
	f.Done()
	return l
}

// texts reads a map of single values.
func texts(v document.Value) map[string]string {
	var out map[string]string
	for _, e := range v.Fields().All() {
		if out == nil {
			out = map[string]string{}
		}
		out[e.Key] = e.Value.Text()
	}
	return out
}

// span reads a duration that is not negative.
func span(v document.Value, otherwise time.Duration) time.Duration {
	text := v.Text()
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		hint := "45s, 500ms, 1m30s"
		if _, nerr := strconv.Atoi(text); nerr == nil {
			hint = "with a unit: " + text + "s"
		}
		v.Problem(fmt.Sprintf("%q is no duration", text), hint)
	case d < 0:
		v.Problem(fmt.Sprintf("%s is negative", d), "time only goes forward")
	default:
		return d
	}
	return otherwise
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
