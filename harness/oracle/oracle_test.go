package oracle_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// recorded reads the recorded run that the tests bend: the home story, in processes, with all promises kept.
func recorded(t testing.TB) oracle.Case {
	t.Helper()
	return readRun(t, "stop-order-processor")
}

// readRun reads a recorded run.
func readRun(t testing.TB, name string) oracle.Case {
	t.Helper()
	dir := filepath.Join("testdata", name)
	var c oracle.Case
	plan, err := os.ReadFile(filepath.Join(dir, "plan.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(plan, &c.Plan))
	spec, err := os.ReadFile(filepath.Join(dir, "resiliency.yaml"))
	require.NoError(t, err)
	var problems error
	c.Spec, problems = parse(spec)
	require.NoError(t, problems)
	lines, err := os.ReadFile(filepath.Join(dir, "history.jsonl"))
	require.NoError(t, err)
	c.History, err = history.Read(bytes.NewReader(lines))
	require.NoError(t, err)
	require.Empty(t, c.History.Flaws)
	return c
}

func parse(spec []byte) (*resiliency.Spec, error) {
	s, problems := resiliency.Parse("resiliency.yaml", spec)
	return s, problems.Err()
}

const (
	toSidecar = "checkout->sidecar"
	toPeer    = "checkout->order-processor"
	toApp     = "order-processor->app"
)

// A bend changes a recorded history so that one promise is broken in it, or can't be judged.
type bend func(events []history.Event) []history.Event

// drop takes out the events that match.
func drop(match func(history.Event) bool) bend {
	return func(events []history.Event) []history.Event { return slices.DeleteFunc(events, match) }
}

// change changes the events that match.
func change(match func(history.Event) bool, do func(*history.Event)) bend {
	return func(events []history.Event) []history.Event {
		for i := range events {
			if match(events[i]) {
				do(&events[i])
			}
		}
		return events
	}
}

// insert adds copies of the events that match, changed.
func insert(match func(history.Event) bool, do func(*history.Event)) bend {
	return func(events []history.Event) []history.Event {
		var out []history.Event
		for _, e := range events {
			out = append(out, e)
			if match(e) {
				e.Attrs = cloned(e.Attrs)
				do(&e)
				out = append(out, e)
			}
		}
		return out
	}
}

func cloned(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func all(bends ...bend) bend {
	return func(events []history.Event) []history.Event {
		for _, b := range bends {
			events = b(events)
		}
		return events
	}
}

func says(text string) func(history.Event) bool {
	return func(e history.Event) bool { return e.Kind == history.KindLine && strings.Contains(e.Text, text) }
}

func of(kind history.Kind, link, id string) func(history.Event) bool {
	return func(e history.Event) bool { return e.Kind == kind && e.Link == link && e.ID == id }
}

func about(link, id string) func(history.Event) bool {
	return func(e history.Event) bool { return e.Link == link && e.ID == id }
}

func after(at time.Duration, match func(history.Event) bool) func(history.Event) bool {
	return func(e history.Event) bool { return e.At > at && match(e) }
}

func anything(history.Event) bool { return true }

func later(d time.Duration) func(*history.Event) { return func(e *history.Event) { e.At += d } }

func judge(c oracle.Case, b bend) oracle.Verdict {
	c.History.Events = b(slices.Clone(c.History.Events))
	slices.SortStableFunc(c.History.Events, func(a, b history.Event) int {
		if a.At < b.At {
			return -1
		}
		if a.At > b.At {
			return 1
		}
		return 0
	})
	return oracle.Judge(c)
}

func result(t testing.TB, v oracle.Verdict, check string) oracle.Result {
	t.Helper()
	i := slices.IndexFunc(v.Results, func(r oracle.Result) bool { return r.Check == check })
	require.GreaterOrEqual(t, i, 0, "no check %s", check)
	return v.Results[i]
}

func failed(v oracle.Verdict) []string {
	var out []string
	for _, r := range v.Results {
		if r.Applies && r.Outcome == oracle.Fail {
			out = append(out, r.Check)
		}
	}
	return out
}

func TestTheHomeStoryKeepsAllPromises(t *testing.T) {
	v := oracle.Judge(recorded(t))
	require.Equal(t, oracle.Pass, v.Outcome, "%v", v.Why)
	for _, r := range v.Results {
		if slices.Contains([]string{"expect-logs", "log-wording", "builtin-retries", "attempt-timeout", "waits-bounded", "metrics-true"}, r.Check) {
			require.False(t, r.Applies)
			continue
		}
		require.True(t, r.Applies, r.Check)
		require.Positive(t, r.Examined, r.Check)
	}
	require.Equal(t, 11, v.Figures.OrdersAccepted)
	require.Equal(t, 20, v.Figures.Attempts)
	require.Equal(t, 11, v.Figures.Transitions)
	require.InDelta(t, 20, v.Figures.TimeToTrip.Seconds(), 0.1)
	require.Less(t, *v.Figures.Recovery, 5*time.Second)
	again := oracle.Judge(recorded(t))
	require.Equal(t, v, again, "the same case gives the same verdict")
}

// bends break one promise each. The fifth failure of the recorded run ends at 24.311 s, the breaker is open until
// 29.311 s.
var bends = []struct {
	name  string
	bend  bend
	check string
	says  string
}{
	{"a_gap_a_second_too_long", change(after(9*time.Second, anything), later(time.Second)), "retry-gap", "too long"},
	{"a_gap_half_a_second_too_short", change(after(9*time.Second, anything), later(-500*time.Millisecond)), "retry-gap", "too short"},
	{"one_retry_left_out", drop(func(e history.Event) bool { return e.Link == toPeer && e.Conn == 4 }), "retry-gap", "too long"},
	{"a_retry_after_success", insert(of(history.KindComplete, toPeer, "6"), func(e *history.Event) {
		e.Kind, e.At, e.Conn, e.Status = history.KindRequest, e.At+5*time.Second, 99, 0
		e.Attrs["n"] = "1"
	}), "retry-count", "tried again after attempt 1"},
	{"it_gives_up_silently", all(
		drop(after(16*time.Second, func(e history.Event) bool { return about(toPeer, "5")(e) || e.Link == toPeer && e.Conn > 4 })),
		change(func(e history.Event) bool { return e.Link == toSidecar && e.ID == "5" && e.Kind != history.KindRequest }, func(e *history.Event) { e.At, e.Status = 20*time.Second, 500 })),
		"retry-count", "given up after 3 attempts"},
	{"no_retry_line", drop(says("Retrying")), "retry-log", "did not say so"},
	{"a_retry_line_twice", insert(says("Retrying"), later(5*time.Second)), "retry-log", "says so twice"},
	{"opening_is_hidden", drop(says("from closed to open")), "breaker-log", "it went from closed to open"},
	{"it_opens_one_failure_late", all(
		drop(after(24200*time.Millisecond, func(e history.Event) bool { return e.At < 29310*time.Millisecond && says("changed state")(e) })),
		change(func(e history.Event) bool { return e.At < 30*time.Second && says("from open to half-open")(e) }, func(e *history.Event) {
			e.Text = strings.Replace(e.Text, "open to half-open", "closed to open", 1)
		}),
		drop(func(e history.Event) bool { return e.At < 30*time.Second && says("from half-open to open")(e) })),
		"breaker-trips", "5.001s later"},
	{"it_never_opens", drop(says("changed state")), "breaker-trips", "the 5th failure makes"},
	{"it_opens_one_failure_early", all(
		change(says("from closed to open"), later(-5*time.Second-4*time.Millisecond)),
		insert(says("Retrying"), func(e *history.Event) {
			e.At, e.Text = 24310*time.Millisecond, `level=info msg="Circuit breaker \"order-processor:orders\" changed state from open to half-open"`
		}),
		insert(says("Retrying"), func(e *history.Event) {
			e.At, e.Text = 24312*time.Millisecond, `level=info msg="Circuit breaker \"order-processor:orders\" changed state from half-open to open"`
		})), "breaker-trips", "where the failures seen do not make"},
	{"opening_is_told_early", change(says("from closed to open"), later(-5*time.Second)), "breaker-trips", "where the failures seen do not make"},
	{"opening_is_told_late", change(says("from closed to open"), later(5*time.Second)), "breaker-log", "5.000s later"},
	{"an_attempt_while_open", insert(func(e history.Event) bool { return of(history.KindRequest, toPeer, "5")(e) && e.Conn == 6 }, func(e *history.Event) {
		e.At, e.Conn = e.At+2*time.Second, 98
	}), "nothing-crosses-while-open", "it must stay open for 5s"},
	{"refused_long_after_it_should_probe", change(about(toSidecar, "probe-1"), later(24*time.Second)), "open-time", "no refusal is due"},
	{"two_probes_at_once", insert(func(e history.Event) bool { return of(history.KindRequest, toPeer, "5")(e) && e.Conn == 7 }, func(e *history.Event) {
		e.At, e.Conn = e.At+100*time.Microsecond, 97
	}), "half-open-admissions", "had let 1 through"},
	{"closing_is_hidden", drop(says("from half-open to closed")), "breaker-log", "it went from half-open to closed"},
	{"it_stays_half_open", all(drop(says("from half-open to closed")), drop(after(49500*time.Millisecond, func(e history.Event) bool {
		return e.Link == toPeer || e.Link == toApp
	})), change(after(49500*time.Millisecond, func(e history.Event) bool { return e.Link == toSidecar && e.Status > 0 }), func(e *history.Event) {
		e.Status = 500
	})), "breaker-closes", "did not go from half-open to closed"},
	{"it_closes_on_a_failure", change(says("from half-open to open"), func(e *history.Event) { e.Text = strings.Replace(e.Text, "to open", "to closed", 1) }), "breaker-closes", "where no probe ended so"},
	{"a_half_open_period_that_was_not", insert(says("from open to half-open"), later(2*time.Second)), "breaker-log", "no probe crossed the link"},
	{"a_half_open_period_is_hidden", drop(says("from open to half-open")), "breaker-log", "it went from open to half-open"},
	{"a_breaker_that_nobody_passes", insert(says("from closed to open"), func(e *history.Event) {
		e.Text = strings.Replace(e.Text, "order-processor:orders", "order-processor:others", 1)
	}), "breaker-log", "no call of checkout has such a one"},
	{"it_recovers_late", change(after(49*time.Second, anything), later(8*time.Second)), "recovery", "the spec implies at most 5s"},
	{"it_never_recovers", all(drop(after(48500*time.Millisecond, func(e history.Event) bool { return e.Link != "" })), change(func(e history.Event) bool { return e.Text == history.PhaseTeardown }, later(30*time.Second))), "recovery", "had no order accepted"},
	{"the_status_is_swallowed", change(func(e history.Event) bool { return e.Link == toSidecar && e.ID == "7" }, func(e *history.Event) {
		if e.Status > 0 {
			e.Status = 503
		}
	}), "caller-told", "its last attempt was answered 200"},
	{"a_refusal_with_another_status", change(about(toSidecar, "probe-1"), func(e *history.Event) {
		if e.Status > 0 {
			e.Status = 503
		}
	}), "caller-told", "it was refused by its own sidecar"},
	{"an_answer_from_nowhere", drop(about(toPeer, "8")), "caller-told", "an answer from nowhere"},
	{"an_order_that_a_fault_accepted", change(of(history.KindResponse, toApp, "9"), func(e *history.Event) {
		e.Attrs = cloned(e.Attrs)
		e.Attrs["fault"] = "respond-order-processor"
	}), "orders-lost", "never delivered to order-processor: respond-order-processor answered in its place"},
	{"an_order_lost", drop(about(toApp, "9")), "orders-lost", "never delivered"},
	{"an_order_given_up", change(func(e history.Event) bool { return e.Link == toSidecar && e.ID == "7" }, func(e *history.Event) {
		if e.Status > 0 {
			e.Status = 500
		}
	}), "orders-lost", "never accepted"},
	{"an_order_doubled", insert(about(toApp, "9"), func(e *history.Event) { e.At += 100 * time.Millisecond; e.Conn += 50 }), "orders-duplicated", "delivered to order-processor twice"},
	{"two_orders_swapped", change(func(e history.Event) bool { return e.ID == "7" || e.ID == "8" }, func(e *history.Event) {
		e.ID = map[string]string{"7": "8", "8": "7"}[e.ID]
	}), "orders-reordered", "order 7 was accepted after order 8"},
	{"a_failure_in_the_steady_state", change(func(e history.Event) bool { return about(toSidecar, "2")(e) && e.Status > 0 }, func(e *history.Event) { e.Status = 500 }), "steady-state", "though nothing was broken"},
	{"a_transition_in_the_steady_state", insert(says("from half-open to open"), func(e *history.Event) { e.At = 2 * time.Second }), "steady-state", "acted though nothing was broken"},
	{"an_attempt_of_nobody", insert(of(history.KindRequest, toPeer, "9"), func(e *history.Event) { e.Op, e.Conn = strings.Repeat("0", 32), 77 }), "attempts-belong", "belongs to no operation"},
	{"a_part_ends_by_itself", change(func(e history.Event) bool { return e.Kind == history.KindExit && e.Part == history.App }, func(e *history.Event) {
		e.Attrs = map[string]string{"wanted": "false"}
	}), "unasked-exit", "ended by itself"},
	{"a_wait_gives_up", change(func(e history.Event) bool { return e.Text == history.PhaseStepDone && e.Attr("step") == "6" }, func(e *history.Event) {
		e.Attrs = map[string]string{"step": "6", "timed_out": "true"}
	}), "waits-ended", "step 7 gave up: wait for 6 orders"},
	{"the_policy_is_not_loaded", change(func(e history.Event) bool { return e.Kind == history.KindPolicy && e.Service == "checkout" }, func(e *history.Event) { e.Text = "missing" }), "policy-loaded", "did not load"},
	{"the_policy_is_said_not_to_load", change(says("Loading Resiliency"), func(e *history.Event) {
		e.Text = `time="x" level=error msg="Could not read resiliency policy myresiliency: invalid" app_id=checkout`
	}), "policy-loaded", "says that it could not load"},
}

func TestEachBrokenPromiseIsFoundByItsCheck(t *testing.T) {
	for _, c := range bends {
		t.Run(c.name, func(t *testing.T) {
			v := judge(recorded(t), c.bend)
			r := result(t, v, c.check)
			require.Equal(t, oracle.Fail, r.Outcome, "failed instead: %v", failed(v))
			require.Equal(t, oracle.Fail, v.Outcome)
			require.Equal(t, 1, v.Exit())
			whats := ""
			for _, f := range r.Findings {
				whats += f.What + "\n" + f.Got + "\n"
				require.NotEmpty(t, f.What)
			}
			require.Contains(t, strings.ReplaceAll(whats, "5s later", "5.000s later"), c.says)
			require.NotEmpty(t, r.Findings[0].Events, "a finding points at events")
		})
	}
}

func TestWhatCannotBeJudgedIsUnknown(t *testing.T) {
	for _, c := range []struct {
		name  string
		bend  bend
		check string
		says  string
	}{
		{"a_fault_without_effect", all(
			change(func(e history.Event) bool { return e.Kind == history.KindExit && e.At < 10*time.Second }, func(e *history.Event) { e.Service = "another" })), "fault-effective", "showed no effect"},
		{"a_fault_never_healed", drop(func(e history.Event) bool { return e.Kind == history.KindFault && e.Text == "healed" }), "fault-healed", "was not healed"},
		{"the_harness_met_a_problem", insert(func(e history.Event) bool { return e.Text == history.PhaseLoad }, func(e *history.Event) {
			e.Kind, e.Error = history.KindProblem, "the engine went away"
		}), "fault-healed", "the engine went away"},
		{"no_line_of_the_sidecar", drop(func(e history.Event) bool { return e.Kind == history.KindLine && e.Part == history.Sidecar }), "breaker-trips", "not one line"},
		{"no_metronome", all(drop(func(e history.Event) bool { return e.Kind == history.KindTick }), change(after(9*time.Second, anything), later(time.Second))), "retry-gap", "no metronome"},
		{"no_metronome_and_much_too_late", all(drop(func(e history.Event) bool { return e.Kind == history.KindTick }), change(after(9*time.Second, anything), later(5*time.Second))), "retry-gap", "no metronome"},
		{"a_machine_too_busy", all(
			change(func(e history.Event) bool { return e.Kind == history.KindTick }, func(e *history.Event) { e.Attrs = map[string]string{"late_ns": "1500000000"} }),
			change(after(9*time.Second, anything), later(time.Second))), "retry-gap", "slack"},
		{"nobody_asked_for_the_policy", drop(func(e history.Event) bool { return e.Kind == history.KindPolicy }), "policy-loaded", "nobody asked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(recorded(t), c.bend)
			r := result(t, v, c.check)
			require.Equal(t, oracle.Unknown, r.Outcome, "%v", v.Why)
			require.Contains(t, r.Why, c.says)
			require.Equal(t, oracle.Unknown, v.Outcome, "%v", failed(v))
			require.Equal(t, 3, v.Exit())
		})
	}
}

func TestAFlawedHistoryIsUnknown(t *testing.T) {
	c := recorded(t)
	c.History.Flaws = []string{"truncated: there is no end"}
	v := oracle.Judge(c)
	require.Equal(t, oracle.Unknown, v.Outcome)
	require.Contains(t, v.Why, "history: truncated: there is no end")
}

func TestAnExpectedFailureIsAPassAndNothingElse(t *testing.T) {
	expect := func(c oracle.Case, checks ...string) oracle.Case {
		c.Plan.Scenario.Expect = scenario.Expect{Verdict: "fail", Checks: checks}
		return c
	}
	missing := change(func(e history.Event) bool { return e.Kind == history.KindPolicy }, func(e *history.Event) { e.Text = "missing" })
	require.Equal(t, oracle.Pass, judge(expect(recorded(t), "policy-loaded"), missing).Outcome)
	require.Equal(t, oracle.Fail, oracle.Judge(expect(recorded(t), "policy-loaded")).Outcome, "it did not fail")
	require.Equal(t, oracle.Fail, judge(expect(recorded(t), "recovery"), missing).Outcome, "something else failed")
}

func TestLinesThatTheScenarioExpects(t *testing.T) {
	for _, c := range []struct {
		log  scenario.Log
		want oracle.Outcome
	}{
		{scenario.Log{Service: "checkout", Part: "app", Match: `^Order passed: \{"orderId":5\}$`, Times: 1}, oracle.Pass},
		{scenario.Log{Service: "checkout", Part: "sidecar", Match: `changed state from half-open to closed`}, oracle.Pass},
		{scenario.Log{Service: "checkout", Part: "app", Match: `Order passed`, Times: 3}, oracle.Fail},
		{scenario.Log{Service: "order-processor", Part: "app", Match: `never`}, oracle.Fail},
	} {
		one := recorded(t)
		one.Plan.Scenario.Expect.Logs = []scenario.Log{c.log}
		require.Equal(t, c.want, result(t, oracle.Judge(one), "expect-logs").Outcome, c.log.Match)
	}
}
