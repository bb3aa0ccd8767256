package harness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An Outage asks what a spec alone implies: the home story on it.
type Outage struct {
	Spec           string // its file
	Target, Caller string
	Stop           time.Duration // how long the target is away
	Every          time.Duration
	Callers        int
	Timeout        time.Duration // of the client; 0 for none
	Latency        time.Duration // instead of stopping the target: of its link, each way
}

// ForecastOutage makes the forecast. What is wrong with spec and question comes at once, as a problem.List.
func ForecastOutage(o Outage) (f oracle.Forecast, err error) {
	problems := o.problems()
	text, err := readFile(o.Spec)
	if err != nil {
		return f, append(problems, unreadable(o.Spec, err, "the path of a Resiliency spec")...)
	}
	spec, more := resiliency.Parse(o.Spec, text)
	problems = append(problems, more...)
	problems = append(append(problems, o.outOfScope(spec)...), o.misnamed(spec)...)
	if len(problems) > 0 {
		return f, problems
	}
	return oracle.ForeseeOutage(o.plan(spec), spec), nil
}

// outOfScope finds a caller for whom nothing of the spec applies.
func (o Outage) outOfScope(spec *resiliency.Spec) problem.List {
	if spec == nil || len(spec.Scopes) == 0 || slices.Contains(spec.Scopes, o.Caller) {
		return nil
	}
	hint := "scopes name who calls, not who is called"
	for _, other := range slices.Backward(spec.Scopes) {
		if other != o.Target {
			hint = "--caller " + other
		}
	}
	return problem.List{{
		File: o.Spec, Field: "scopes", What: fmt.Sprintf("they leave the caller %s out, so none of it applies", o.Caller), Hint: hint,
	}}
}

// misnamed finds a target to which nothing of the spec applies, and which is written almost as one to which something
// does.
func (o Outage) misnamed(spec *resiliency.Spec) problem.List {
	near := spec.Misnamed(o.Target)
	if p := spec.For(o.Caller, o.Target); near == "" || p.Timeout != nil || p.Retry != nil || p.Breaker != nil {
		return nil
	}
	return problem.List{{
		File: "command line", Field: "--target", What: fmt.Sprintf("nothing of the spec applies to %s", o.Target), Hint: fmt.Sprintf("did you mean %s?", near),
	}}
}

// unnamed says what applies to a target that the spec's targets do not name, where they name others; "" where they do.
func unnamed(spec *resiliency.Spec, caller, target string) string {
	p := spec.For(caller, target)
	targets := slices.Sorted(maps.Keys(spec.Apps))
	if p.Named || len(targets) == 0 {
		return ""
	}
	hint := ""
	if near := spec.Misnamed(target); near != "" {
		hint = fmt.Sprintf(", did you mean %s?", near)
	}
	return fmt.Sprintf("the spec's targets do not name %s (they name %s%s): in force are %s", target, strings.Join(targets, ", "), hint, p.Why)
}

// Unnamed warns of a question about a target that a spec's targets do not name: what is told is then of the defaults.
// There is nothing where the question is refused: who asks will hear that anyway.
func Unnamed(file, caller, target string) problem.List {
	refused := false
	twoApps(target, caller, func(string, string, string) { refused = true })
	text, err := readFile(file)
	if err != nil || refused {
		return nil
	}
	spec, problems := resiliency.Parse(file, text)
	if o := (Outage{Caller: caller, Target: target}); len(problems) > 0 || len(o.misnamed(spec)) > 0 {
		return nil
	}
	if what := unnamed(spec, caller, target); what != "" {
		return problem.List{{File: file, Field: "spec.targets.apps", What: what}}
	}
	return nil
}

func (o Outage) problems() (out problem.List) {
	bad := func(field, what, hint string) {
		out = append(out, problem.Problem{File: "command line", Field: field, What: what, Hint: hint})
	}
	twoApps(o.Target, o.Caller, bad)
	if o.Stop <= 0 {
		bad("--stop", o.Stop.String()+" is no time at all", "--stop 45s")
	}
	if o.Every <= 0 {
		bad("--every", o.Every.String()+" is no pause", "--every 1s")
	}
	const most = 16
	if o.Callers < 1 || o.Callers > most {
		bad("--callers", fmt.Sprintf("%d callers", o.Callers), fmt.Sprintf("1 to %d", most))
	}
	if o.Timeout < 0 {
		bad("--timeout", o.Timeout.String()+" is negative", "leave it out for none")
	}
	if o.Latency < 0 {
		bad("--latency", o.Latency.String()+" is negative", "--latency 300ms")
	}
	return out
}

// twoApps says what is wrong with a target and its caller.
func twoApps(target, caller string, bad func(field, what, hint string)) {
	if target == "" {
		bad("--target", "is missing", "the app id that is called: --target order-processor")
	}
	if caller == "" {
		bad("--caller", "is missing", "the app id that calls: --caller checkout")
	}
	if target != "" && target == caller {
		bad("--caller", "calls itself", "name another app")
	}
	for _, id := range [][2]string{{"--target", target}, {"--caller", caller}} {
		if id[1] != "" && !scenario.IsName(id[1]) {
			bad(id[0], fmt.Sprintf("%q is no app id: want small letters, digits and hyphens", id[1]), "")
		}
	}
}

// plan is the home story: a fault, recovery, and two orders more.
func (o Outage) plan(spec *resiliency.Spec) scenario.Plan {
	fault := &scenario.Fault{Name: "stop-" + o.Target, Kind: scenario.Stop, Service: o.Target, For: o.Stop}
	if o.Latency > 0 {
		link := o.Caller + "->" + o.Target
		fault = &scenario.Fault{Name: "latency", Kind: scenario.Latency, Link: link, Delay: o.Latency, For: o.Stop}
	}
	return scenario.NewPlan(scenario.Scenario{
		Name: "forecast",
		Services: []scenario.Service{
			{Name: o.Target, App: "order-processor", Port: 6001},
			{Name: o.Caller, App: "checkout", Sends: &scenario.Sends{
				To: o.Target, Method: "POST", Path: "orders", Every: o.Every, Callers: o.Callers, Timeout: o.Timeout, Until: "accepted",
			}},
		},
		Timeline: []scenario.Step{{Fault: fault}, {Wait: &scenario.Wait{Recovered: o.Caller}}, {Wait: &scenario.Wait{Orders: 2}}},
	}, spec)
}
