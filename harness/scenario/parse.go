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
		return s, hinted(r.Problems)
	}
	p := &parser{s: &s, faults: map[string]*open{}, doubtful: map[string]bool{}}
	if !root.IsMap() {
		root.Problem("a scenario is a map", "name: "+filepath.Base(s.Dir))
		return s, r.Problems
	}
	f := root.Fields().Known("name", "why", "seed", "resiliency", "sidecar", "services", "timeline", "expect")
	if tooMuch(f) {
		return s, r.Problems
	}
	p.scenario(f)
	p.names()
	return s, hinted(once(r.Problems))
}

// tooMuch refuses what no scenario needs, and what would take long to be looked through.
func tooMuch(f *document.Fields) (refused bool) {
	const services, entries = 200, 1000
	check := func(v document.Value, most int) {
		n := len(v.Items())
		if v.IsMap() {
			n = len(v.Keys())
		}
		if n > most {
			refused = true
			v.Tell(document.Limit, fmt.Sprintf("%d of them are too many: at most %d are read", n, most), "is this the file you mean?")
		}
	}
	check(f.Get("services"), services)
	check(f.Get("timeline"), entries)
	for _, field := range []string{"checks", "severity", "logs"} {
		_, v := f.Get("expect").Find(field)
		check(v, entries)
	}
	return refused
}

// once leaves out what only follows from a value that is absent or could not be read: that has been told.
func once(all problem.List) problem.List {
	var out, causes problem.List
	for _, p := range all {
		follows := slices.ContainsFunc(causes, func(c problem.Problem) bool {
			same := p.Line == 0 || (p.Line == c.Line && p.Column == c.Column)
			return same && (p.Field == c.Field || strings.HasPrefix(p.Field, c.Field+".") || strings.HasPrefix(p.Field, c.Field+"["))
		})
		if follows {
			continue
		}
		out = append(out, p)
		if p.Kind == document.Type || p.Kind == document.List || p.Kind == document.Missing {
			causes = append(causes, p)
		}
	}
	return out
}

// hinted adds hints to what any file can have wrong.
func hinted(all problem.List) problem.List {
	for i, p := range all {
		if p.Hint != "" {
			continue
		}
		switch {
		case strings.HasPrefix(p.What, "want a map"):
			all[i].Hint = "fields: `name: value`, one a line, or { name: value, … }"
		case strings.HasPrefix(p.What, "want a list"):
			all[i].Hint = "entries: one a line behind a dash, or [a, b]"
		case strings.HasPrefix(p.What, "want a single value"):
			all[i].Hint = "one word, number or text"
		case strings.HasSuffix(p.What, "is no whole number"):
			all[i].Hint = "digits alone: 4"
		case p.What == "the file is empty":
			all[i].Hint = "halfopen init writes a scenario to go on from"
		case p.Kind == document.Limit:
			all[i].Hint = "is this the file you mean?"
		}
	}
	return all
}

// A parser fills in a scenario.
type parser struct {
	s        *Scenario
	faults   map[string]*open // by name
	broke    bool             // a step has a fault, whatever is wrong with it
	vague    []string         // kinds of faults whose names can't be known
	doubtful map[string]bool  // services with something wrong: what they lack may be meant
	unknown  []*unknown
	links    []document.Value // where links are named
}

// unknown is a name that no service has, and where it stands.
type unknown struct {
	name string
	at   []document.Value
}

// open is a fault that the timeline has injected so far.
type open struct {
	at     document.Value
	self   bool // heals itself
	healed bool
	vague  bool // what it breaks can't be known
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
	} else if folder := filepath.Base(p.s.Dir); p.s.Name != "" && folder != "." && p.s.Name != folder && p.s.Name != runFolder.ReplaceAllString(folder, "") {
		name.Problem(fmt.Sprintf("%q differs from the folder's name %q", p.s.Name, folder), "rename one of them")
	}
	p.s.Why = strings.TrimSpace(f.Need("why", "one paragraph for the reader: what happens, and what it teaches").Text())
	p.s.Seed = int64(f.Get("seed").Int(1))
	p.s.Resiliency, p.s.ResiliencyAt = f.Get("resiliency").Text(), placeOf(f.Get("resiliency"))
	p.sidecar(f.Get("sidecar"))
	services := f.Need("services", "services: { order-processor: { app: order-processor }, checkout: { app: checkout, sends: { to: order-processor } } }")
	p.services(services)
	timeline := f.Need("timeline", "timeline: [ wait: { orders: 4 } ]")
	steps := timeline.List()
	if timeline.IsList() && len(steps) == 0 {
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
	if services.IsMap() && len(p.s.Callers()) == 0 && len(p.doubtful) == 0 {
		services.Problem("no service sends anything: there would be nothing to see", "checkout: { app: checkout, sends: { to: … } }")
	}
}

func (p *parser) services(v document.Value) {
	entries := v.Fields().All()
	var targets []document.Value
	for _, e := range entries {
		if !IsName(e.Key) {
			e.KeyAt.Problem(fmt.Sprintf("%q is no app id: want small letters, digits and hyphens", e.Key), "order-processor")
		}
		told := len(v.Problems())
		s, to := p.service(e)
		p.s.Services = append(p.s.Services, s)
		targets = append(targets, to)
		if len(v.Problems()) > told {
			p.doubtful[s.Name] = true
		}
	}
	for i, s := range p.s.Services {
		if s.Sends != nil && s.Sends.To != "" {
			p.target(targets[i], s)
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
		v.Problem(s.Name+" would send to itself", "to: the app id of another service")
	case to.Port == 0 && !p.doubtful[to.Name]:
		v.Problem(to.Name+" listens nowhere", "give it `port:`")
	}
}

// unknownService notes a name that no service has. Where no service could be read, that has been told.
func (p *parser) unknownService(v document.Value) {
	name := v.Text()
	for _, s := range p.s.Services {
		if !IsName(s.Name) && strings.EqualFold(s.Name, name) {
			return // that one's name has been told
		}
	}
	if len(p.s.Services) == 0 {
		return
	}
	for _, u := range p.unknown {
		if u.name == name {
			u.at = append(u.at, v)
			return
		}
	}
	p.unknown = append(p.unknown, &unknown{name, []document.Value{v}})
}

// names tells of each name that nothing has, once, with all the places where it stands.
func (p *parser) names() {
	for _, v := range p.links {
		p.link(v)
	}
	var known []string
	for _, s := range p.s.Services {
		known = append(known, s.Name)
	}
	for _, u := range p.unknown {
		what := fmt.Sprintf("no service %q", u.name)
		const most = 4
		for i, v := range u.at[1:] {
			switch {
			case i == most:
				what += ", …"
			case i > most:
			case i == 0:
				what += fmt.Sprintf(", also named on line %d", v.Line())
			default:
				what += fmt.Sprintf(", %d", v.Line())
			}
		}
		u.at[0].Problem(what, nearest(u.name, known))
	}
}

// nearest is a hint at what there is instead of a name.
func nearest(name string, known []string) string {
	hint := "there are: " + problem.Names(known)
	if near := document.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %s? (%s)", near, hint)
	}
	return hint
}

// expect reads what the spec can't say.
func (p *parser) expect(v document.Value) {
	p.s.Expect.Verdict = "pass"
	if !v.Set() {
		return
	}
	f := v.Fields().Known("verdict", "checks", "severity", "logs", "specErrors")
	if w := f.Get("verdict"); w.Set() {
		p.s.Expect.Verdict = w.Text()
		if w.Text() != "pass" && w.Text() != "fail" {
			w.Problem(fmt.Sprintf("%q: want pass or fail", w.Text()), "verdict: fail")
		}
	}
	for _, c := range f.Get("checks").List() {
		p.s.Expect.Checks = append(p.s.Expect.Checks, c.Text())
		p.named(c.Text(), c)
	}
	p.severity(f.Get("severity"))
	switch n := len(p.s.Expect.Checks); {
	case p.s.Expect.Verdict == "fail" && n == 0 && (!f.Get("checks").Set() || f.Get("checks").IsList()):
		v.Problem("expects to fail, but not what", "checks: [policy-loaded]")
	case p.s.Expect.Verdict == "pass" && n > 0:
		f.Get("checks").Problem("are those that must fail, and the verdict is pass", "verdict: fail")
	}
	if w := f.Get("specErrors"); w.Set() {
		p.s.Expect.SpecErrors = w.Text() == "true"
		if w.Text() != "true" && w.Text() != "false" {
			w.Problem(fmt.Sprintf("%q: want true or false", w.Text()), "specErrors: true")
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
	if p.s.Expect.Named == nil {
		p.s.Expect.Named = map[string]Place{}
	}
	p.s.Expect.Named[check] = placeOf(v)
}

func (p *parser) log(v document.Value) Log {
	f := v.Fields().Known("service", "part", "match", "times")
	l := Log{Service: f.Need("service", "whose line?").Text(), Part: or(f.Get("part").Text(), history.App), Times: f.Get("times").Int(0)}
	if l.Service != "" && p.s.Service(l.Service) == nil {
		p.unknownService(f.Get("service"))
	}
	if l.Part != history.App && l.Part != history.Sidecar {
		f.Get("part").Problem(fmt.Sprintf("%q: want app or sidecar", l.Part), "leave it out for app")
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
		v.Tell(document.Type, fmt.Sprintf("%q is no duration", text), hint)
	case d < 0:
		v.Tell(document.Type, fmt.Sprintf("%s is negative", d), "time only goes forward")
	default:
		return d
	}
	return otherwise
}

// placeOf is where a value stands.
func placeOf(v document.Value) Place {
	line, column, _ := v.Place()
	return Place{Line: line, Column: column, Field: v.Path()}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
