package harness

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Draft is the home story under somebody's own spec and app ids, as a scenario's folder would hold it.
type Draft struct {
	Name     string // the folder's
	Scenario []byte // scenario.yaml, with comments that teach
	Spec     []byte // resiliency.yaml, the spec as it is
	Target   string
	Stop     time.Duration
	Notes    []string // sentences: how long the target is away and why, and what will never happen
}

// Draft writes the home story. Without a Stop the target is away for long enough that its caller's breaker opens and
// probes, as far as it ever does; without a Target it is the only one that the spec names. What is wrong with spec and
// question comes at once, as a problem.List. An empty name is `stop-` and the target.
func (o Outage) Draft(name string) (Draft, error) {
	text, err := readFile(o.Spec)
	if err != nil {
		return Draft{}, unreadable(o.Spec, err, "the path of a Resiliency spec")
	}
	spec, problems := resiliency.Parse(o.Spec, text)
	given := o.Stop
	if len(problems) == 0 {
		problems = o.choose(spec)
	}
	if o.Stop == 0 {
		o.Stop = longest // until it is known better
	}
	if o.Target == "" {
		o.Target = "unknown" // told already
	}
	problems = slices.Concat(problems, o.problems(), o.outOfScope(spec), o.misnamed(spec))
	if name == "" {
		name = "stop-" + o.Target
	}
	if !scenario.IsName(name) {
		problems = append(problems, problem.Problem{File: "command line", Field: "name",
			What: fmt.Sprintf("%q: want small letters, digits and hyphens", name), Hint: "name the folder so"})
	}
	if len(problems) > 0 {
		return Draft{}, problems
	}
	s := sketch{Outage: o, Name: name, Policies: spec.For(o.Caller, o.Target), spec: spec}
	s.trips()
	s.Stop = given
	if given == 0 {
		s.enough()
	}
	s.told(given > 0)
	return Draft{
		Name: name, Scenario: s.yaml(), Spec: text, Target: o.Target, Stop: s.Stop, Notes: s.Notes,
	}, nil
}

// choose takes the only target that a spec names, where none is given.
func (o *Outage) choose(spec *resiliency.Spec) problem.List {
	targets := slices.Sorted(maps.Keys(spec.Apps))
	if o.Target != "" || len(targets) == 1 {
		if o.Target == "" {
			o.Target = targets[0]
		}
		return nil
	}
	p := problem.Problem{File: "command line", Field: "--target", What: "is missing: the spec names no app", Hint: "the app id that is called: --target order-processor"}
	if len(targets) > 1 {
		p.What, p.Hint = "is missing: the spec names "+strings.Join(targets, ", "), "one of them: --target "+targets[0]
	}
	return problem.List{p}
}

// A sketch is what a draft is written from.
type sketch struct {
	Outage
	Name     string
	Policies resiliency.Policies
	Opens    time.Duration // when the breaker opens, from the injection; 0 for never
	Sure     bool          // and that it does open then
	Ask      time.Duration // how long after that it is asked; 0 for not at all
	Notes    []string
	spec     *resiliency.Spec
}

const (
	// longest is how long an outage is followed to see what comes of it, and the longest one that is taken unasked.
	longest = 10 * time.Minute
	// shortest is the shortest outage that is taken unasked: less than it takes to stop and start is none.
	shortest = 5 * time.Second
)

// trips finds out from the forecast when the caller's breaker opens.
func (s *sketch) trips() {
	if s.Policies.Breaker == nil {
		return
	}
	// Most breakers open soon. Where jitter leaves much open, a long outage takes long to follow.
	for _, stop := range []time.Duration{30 * time.Second, 2 * time.Minute, longest} {
		try := s.Outage
		try.Stop = stop
		plan := try.plan(s.spec)
		steps := append([]scenario.Step{{Wait: &scenario.Wait{Orders: steadyOrders}}}, plan.Scenario.Timeline...)
		plan.Scenario.Timeline = steps
		f := oracle.Foresee(scenario.NewPlan(plan.Scenario, s.spec), s.spec)
		for _, r := range f.Rows {
			if r.Kind == "breaker" && r.What == "closed to open" && r.Caller == s.Caller && r.At.Lo <= f.Zero.Hi+stop {
				s.Opens, s.Sure = max(r.At.Hi-f.Zero.Lo, 1), !r.May
				return
			}
		}
	}
}

// steadyOrders are waited for before the fault, and after it.
const steadyOrders = 4

// enough sets how long the target is away: until the breaker has opened and probed twice, or where it never opens,
// until an order has run out of retries, or has had a few.
func (s *sketch) enough() {
	gap := s.Every
	tries := 3
	if r := s.Policies.Retry; r != nil {
		_, gap = r.Gap(tries)
		if r.MaxRetries >= 0 {
			tries = min(max(r.MaxRetries, tries), 10)
		}
	}
	switch b := s.Policies.Breaker; {
	case s.Opens > 0:
		s.Stop = s.Opens + 2*b.Timeout + max(gap, s.Every)
	default:
		s.Stop = time.Duration(tries)*gap + 2*s.Every
	}
	s.Stop = min(max(roundUp(s.Stop, 5*time.Second), shortest), max(longest, roundUp(s.Opens+s.Every, time.Second)))
}

func roundUp(d, unit time.Duration) time.Duration { return (d + unit - 1) / unit * unit }

// told says what is to be expected, and decides whether the open breaker is asked.
func (s *sketch) told(given bool) {
	note := func(format string, args ...any) { s.Notes = append(s.Notes, fmt.Sprintf(format, args...)) }
	if what := unnamed(s.spec, s.Caller, s.Target); what != "" {
		note("%s", what)
	}
	away := fmt.Sprintf("%s is away for %s", s.Target, s.Stop)
	b := s.Policies.Breaker
	switch {
	case b == nil:
		note("%s; %s's calls have no breaker that could open", away, s.Caller)
	case s.Opens == 0:
		why := ""
		if b.Interval > 0 {
			why = fmt.Sprintf("; its counts are cleared every %s", b.Interval)
		}
		note("%s; the breaker %s (%s) would not open in %s either: one caller's failures never make it trip%s", away, b.Name, b.Trip, longest, why)
	case s.Stop <= s.Opens:
		note("%s; that is too short for the breaker to open, which takes %s", away, seconds(s.Opens))
	case !s.Sure:
		note("%s; the breaker may open from %s on", away, seconds(s.Opens))
	default:
		note("%s: the breaker opens after %s, and stays open for %s at a time", away, seconds(s.Opens), b.Timeout)
		if ask := (b.Timeout / 2).Round(time.Millisecond); s.Opens+time.Second+ask < s.Stop && ask > 0 {
			s.Ask = ask
		}
	}
	if !given && s.Opens >= longest {
		note("the outage is that long because the breaker takes so long to open: --stop shortens it")
	}
}

// seconds writes a moment for people, to the hundredth.
func seconds(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

//go:embed draft.yaml.tmpl
var draftTemplate string

// yaml writes the scenario's file.
func (s *sketch) yaml() []byte {
	var b bytes.Buffer
	t := template.Must(template.New("draft").Delims("[[", "]]").Funcs(template.FuncMap{
		"steady": func() int { return steadyOrders },
		"pad":    func(text string) string { return fmt.Sprintf("%-*s", len("- wait: { recovered: checkout }"), text) },
	}).Parse(draftTemplate))
	if err := t.Execute(&b, s); err != nil {
		panic(err) // the template is ours
	}
	return b.Bytes()
}
