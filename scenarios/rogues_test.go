package scenarios

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/scenarios/rogue"
)

// callee is the service whose sidecar is the rogue where it is not the caller's.
const callee = "order-processor"

// A row is a rogue, the setting that shows it, and the check that catches it.
type row struct {
	knob    rogue.Knob
	setting string
	check   string
	says    string
	side    string // checkout by default
}

// service is the one whose sidecar is the rogue.
func (r row) service() string {
	if r.side == "" {
		return "checkout"
	}
	return r.side
}

// caught gives the finding of the wanted check that says what is wanted.
func (r row) caught(v oracle.Verdict) (oracle.Finding, bool) {
	for _, result := range v.Results {
		if result.Check != r.check || result.Outcome != oracle.Fail {
			continue
		}
		for _, f := range result.Findings {
			if strings.Contains(f.What, r.says) && len(f.Events) > 0 {
				return f, true
			}
		}
	}
	return oracle.Finding{}, false
}

// rogues break one promise each, in a setting where that shows; the check that should catch it does, with a finding
// that says so.
var rogues = []row{
	{rogue.GapTooLong, "retries_for_ever", "retry-gap", "too long, the policy says exactly 2s", ""},
	{rogue.GapTooShort, "retries_for_ever", "retry-gap", "too short, the policy says exactly 2s", ""},
	{rogue.GapDrifts, "retries_for_ever", "retry-gap", "too long, the policy says exactly 2s", ""},
	{rogue.GapByMaxInterval, "retries_by_default", "retry-gap", "too short, the policy says exactly 5s", ""},
	{rogue.NoJitter, "retries_exponentially", "retry-gap", "without jitter", ""},
	{rogue.JitterTooWide, "retries_exponentially", "retry-gap", "too long, the policy says 250ms to 750ms", ""},
	{rogue.CapIgnored, "retries_exponentially", "retry-gap", "too long, the policy says 1s to 3s", ""},
	{rogue.FirstGapCapped, "retries_under_a_low_cap", "retry-gap", "too short, the policy says 250ms to 750ms", ""},
	{rogue.PastFifteenMinutes, "retries_for_long", "retry-count", "where the policy ends it", ""},
	{rogue.OneRetryTooMany, "retries_twice", "retry-count", "where the policy ends it: maxRetries 2", ""},
	{rogue.OneRetryTooFew, "retries_twice", "retry-count", "given up after 2 attempts", ""},
	{rogue.RetriesForEver, "retries_twice", "retry-count", "where the policy ends it: maxRetries 2", ""},
	{rogue.GivesUp, "retries_for_ever", "retry-count", "given up after 4 attempts", ""},
	{rogue.RetriesUnmatched, "retries_500_to_599", "retry-count", "(answered 404), where the policy ends it", ""},
	{rogue.SkipsMatched, "retries_503", "retry-count", "given up after 1 attempt,", ""},
	{rogue.SkipsTransportErrors, "retries_for_ever", "retry-count", "given up after 1 attempt,", ""},
	{rogue.Retries3xx, "redirects", "retry-count", "(answered 302), where the policy ends it", ""},
	{rogue.Retries600, "answers_600", "retry-count", "(answered 600), where the policy ends it", ""},
	{rogue.RetriesRefusals, "a_breaker_longer_than_the_gap", "retry-gap", "too long, the policy says exactly 1s", ""},
	{rogue.Resends, "retries_for_ever", "retry-gap", "too short, the policy says exactly 2s", ""},
	{rogue.RetriesForNobody, "a_caller_with_no_time", "retry-count", "its caller had left", ""},
	{rogue.SaysRetryingEachTime, "retries_for_ever", "retry-log", "or says so twice", ""},
	{rogue.NeverSaysRetrying, "retries_for_ever", "retry-log", "did not say so at its first failure", ""},
	{rogue.SaysRetryingForNothing, "nothing_happens", "retry-log", "where no operation's first failure was seen", ""},
	{rogue.NeverSaysRecovered, "retries_for_ever", "retry-log", "did not say that it recovered", ""},
	{rogue.WrongRecoveredCount, "retries_for_ever", "retry-log", "says that it recovered after", ""},
	{rogue.TimeoutTooLate, "a_timeout", "attempt-timeout", "was waited for 3", ""},
	{rogue.TimeoutTooEarly, "a_timeout", "attempt-timeout", "was given up after 1", ""},
	{rogue.TimeoutOfOperation, "a_timeout", "attempt-timeout", "attempt 2 of order 5 was given up after 0s", ""},
	{rogue.TimeoutIgnored, "a_timeout", "attempt-timeout", "the policy's timeout is 2s", ""},
	{rogue.TimeoutFromNowhere, "no_timeout", "attempt-timeout", "and no timeout says so", ""},
	{rogue.TimeoutNotRetried, "a_timeout", "retry-count", "given up after 1 attempt,", ""},
	{rogue.TimeoutUncounted, "a_timeout_and_a_breaker", "breaker-trips", "the 3rd failure makes", ""},

	{rogue.TripsEarly, "a_breaker_as_long_as_the_gap", "breaker-trips", "do not make", ""},
	{rogue.TripsLate, "a_breaker_as_long_as_the_gap", "breaker-trips", "the 3rd failure makes", ""},
	{rogue.NeverTrips, "a_breaker_as_long_as_the_gap", "breaker-trips", "the 3rd failure makes", ""},
	{rogue.TotalForConsecutive, "a_breaker_and_two_outages", "breaker-trips", "do not make", ""},
	{rogue.SuccessResetsNot, "a_breaker_and_two_outages", "breaker-trips", "do not make", ""},
	{rogue.RetriesUncounted, "a_breaker_as_long_as_the_gap", "breaker-trips", "the 3rd failure makes", ""},
	{rogue.Ignores4xx, "a_breaker_and_404", "breaker-trips", "the 3rd failure makes", ""},
	{rogue.WindowIgnored, "a_breaker_with_a_window_too_short_to_trip", "breaker-trips", "do not make", ""},
	{rogue.WindowKeepsTotals, "a_breaker_with_a_window_too_short_to_trip", "breaker-trips", "do not make", ""},
	{rogue.WindowTooShort, "a_breaker_with_a_window", "breaker-trips", "failure makes `totalFailures >= 4` true", ""},
	{rogue.SaysFalseOpening, "a_breaker_as_long_as_the_gap", "breaker-trips", "do not make", ""},
	{rogue.LeaksWhileOpen, "a_breaker_alone", "nothing-crosses-while-open", "it must stay open for 4.5s", ""},
	{rogue.OpenTooShort, "a_breaker_alone", "nothing-crosses-while-open", "it must stay open for 4.5s", ""},
	{rogue.OpenTooLong, "a_breaker_alone", "open-time", "no refusal is due", ""},
	{rogue.TwoProbes, "a_breaker_in_slow_weather", "half-open-admissions", "had let 1 through already", ""},
	{rogue.FreesSlots, "a_breaker_with_two_probes_of_unequal_length", "half-open-admissions", "had let 2 through already", ""},
	{rogue.CountsLate, "a_window_shorter_than_a_failure", "breaker-trips", "do not make", ""},
	{rogue.HangUpUncounted, "a_caller_with_less_time_than_the_timeout", "breaker-trips", "the 3rd failure makes", ""},
	{rogue.ClosesOnFailure, "a_breaker_as_long_as_the_gap", "breaker-closes", "where no probe ended so", ""},
	{rogue.StuckHalfOpen, "a_breaker_alone", "breaker-closes", "did not go from half-open to open", ""},
	{rogue.NeverReopens, "a_breaker_as_long_as_the_gap", "breaker-closes", "did not go from half-open to open", ""},
	{rogue.ClosesEarly, "a_breaker_with_two_probes", "breaker-closes", "where no probe ended so", ""},
	{rogue.ClosesLate, "a_breaker_with_two_probes", "breaker-closes", "did not go from half-open to closed", ""},
	{rogue.BreakerPerApp, "two_paths", "open-time", "no refusal is due", ""},
	{rogue.HidesOpening, "a_breaker_as_long_as_the_gap", "breaker-log", "its sidecar did not say so then", ""},
	{rogue.HidesHalfOpen, "a_breaker_as_long_as_the_gap", "breaker-log", "its sidecar did not say so then", ""},
	{rogue.HidesClosing, "a_breaker_as_long_as_the_gap", "breaker-log", "its sidecar did not say so then", ""},
	{rogue.HalfOpenByTimer, "a_breaker_alone", "breaker-log", "no probe crossed the link", ""},
	{rogue.SaysNothing, "a_breaker_as_long_as_the_gap", "retry-log", "did not say so at its first failure", ""},

	{rogue.CountsAttemptsTwice, "nothing_happens", "metrics-true", "attempts sent to order-processor, and", ""},
	{rogue.CountsNoRequests, "nothing_happens", "metrics-true", "tell of 0 requests under the policy retry", ""},
	{rogue.CountsNoRetries, "retries_twice", "metrics-true", "tell of 0 operations that were retried", ""},
	{rogue.CountsNoOpenings, "a_breaker_alone", "metrics-true", "tell of 0 openings of the breaker", ""},
	{rogue.TellsClosed, "a_breaker_that_its_sidecar_forgets", "metrics-true", "is closed, and the last request found it open", ""},

	{rogue.NotLoaded, "retries_for_ever", "policy-loaded", "did not load the resource promises", ""},
	{rogue.IgnoresScopes, "a_spec_for_others", "policy-loaded", "whose scopes leave it out", ""},
	{rogue.DefaultsIgnored, "default_policies", "retry-count", "given up after 1 attempt,", ""},
	{rogue.DefaultsOverTargets, "a_target_with_a_hole", "retry-count", "where the policy ends it: no retries", ""},
	{rogue.NoBuiltin, "built_in_retries_only", "builtin-retries", "was not tried again", ""},
	{rogue.BuiltinForStatus, "built_in_and_no_app", "builtin-retries", "are for a sidecar that can't be reached", ""},
	{rogue.BuiltinTooMany, "built_in_retries_only", "retry-count", "only the 3 built-in retries", ""},
	{rogue.BuiltinUnasked, "retries_twice", "builtin-retries", "a target switches them off", ""},

	{rogue.SwallowsStatus, "answers_503", "caller-told", "its last attempt answered 503", ""},
	{rogue.WrongOwnStatus, "a_breaker_alone", "caller-told", "was told 502", ""},
	{rogue.DropsAnswer, "retries_twice", "caller-told", "was never answered", ""},
	{rogue.AnswersForApp, "nothing_happens", "caller-told", "an answer from nowhere", ""},
	{rogue.LosesOrder, "nothing_happens", "orders-lost", "never delivered", callee},
	{rogue.DoublesOrder, "nothing_happens", "orders-duplicated", "delivered to order-processor twice", callee},
	{rogue.ReordersOrder, "a_timeout_and_no_retries", "orders-reordered", "order 3 was delivered after order 4", callee},
	{rogue.FailsAtTimes, "nothing_happens", "steady-state", "took 2 attempts though nothing was broken", callee},
	{rogue.FreshTraces, "nothing_happens", "attempts-belong", "belongs to no operation", ""},
	{rogue.Strays, "nothing_happens", "attempts-belong", "belongs to no operation", ""},
	{rogue.DialsWithPauses, "a_breaker_as_long_as_the_gap", "recovery", "probes that never crossed the link", ""},
	{rogue.WakesLate, "retries_for_ever", "recovery", "the spec implies at most", callee},
	{rogue.SaysReadyTwice, "says_that_it_is_up", "expect-logs", "2 times", ""},
	{rogue.EndsItself, "nothing_happens", "unasked-exit", "ended by itself", callee},
}

// never are the checks that no sidecar is the first to fail, and why.
var never = map[string]string{
	"fault-effective": "what a fault does is the harness's own doing",
	"fault-healed":    "healing is the harness's own doing",
	"waits-ended":     "a sidecar that keeps a wait from ending breaks the promise that the wait is about first",
	"waits-bounded":   "it finds what the spec lacks; where the spec has a timeout, attempt-timeout sees who ignores it",
	"log-wording":     "it is about daprd's releases, and a rogue is none of them",
	"builtin-retries": "retry-count and retry-log see the same attempts and lines, and are told before it",
}

// played gives a service a rogue for its sidecar ("": nobody) and everybody else honest parts; where all is said,
// every sidecar is a rogue.
func played(knob rogue.Knob, side string) memory.Role {
	return func(ctx context.Context, p env.Part, w memory.World) error {
		getenv := environment(p.Env)
		switch {
		case p.Role[0] == "sidecar" && (side == all || p.Service == side):
			c := rogue.Config{Knob: knob, Args: p.Role[1:], Listen: w.Listen, Dial: w.Dial, Out: w.Out}
			for _, f := range p.Files {
				c.Resources = append(c.Resources, f.Data)
			}
			return rogue.Run(ctx, c)
		case getenv["TAKES"] == "anything":
			return anything(ctx, getenv, w)
		case getenv["RETURNS"] != "":
			var others sync.WaitGroup
			others.Go(func() { returns(ctx, getenv, w) })
			defer others.Wait()
		}
		return honest(ctx, p, w)
	}
}

const (
	all    = "all"
	nobody = ""
)

// anything is an app that takes whatever comes.
func anything(ctx context.Context, getenv map[string]string, w memory.World) error {
	l, err := w.Listen(ctx, net.JoinHostPort(getenv["APP_HOST"], getenv["APP_PORT"]))
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// returns sends something to another path of the target, beside checkout's orders.
func returns(ctx context.Context, getenv map[string]string, w memory.World) {
	every, _ := time.ParseDuration(getenv["RETURNS"])
	transport := &http.Transport{DialContext: w.Dial}
	defer transport.CloseIdleConnections()
	for n := 1; ctx.Err() == nil; n++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, getenv["DAPR_HTTP_ENDPOINT"]+"/returns", strings.NewReader("{}"))
		if err != nil {
			return
		}
		req.Header.Set("dapr-app-id", callee)
		req.Header.Set("X-Order-Id", fmt.Sprintf("return-%d", n))
		req.Header.Set("traceparent", fmt.Sprintf("00-%032x-%016x-01", n, n))
		if resp, err := transport.RoundTrip(req); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

// in plays a setting with some role.
func in(t *testing.T, name string, role memory.Role) (oracle.Case, oracle.Verdict) {
	t.Helper()
	require.Contains(t, settings, name)
	s, spec := settings[name].parse(t)
	return rehearse(t, harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(role)})
}

// firstFailed is the first check that fails, as the report tells them.
func firstFailed(v oracle.Verdict) string {
	for _, r := range v.Results {
		if r.Applies && r.Outcome == oracle.Fail {
			return r.Check
		}
	}
	return ""
}

func TestEachRogueIsCaught(t *testing.T) {
	t.Run("honest", func(t *testing.T) {
		for name := range settings {
			t.Run(name, func(t *testing.T) {
				notShort(t)
				t.Parallel()
				for what, role := range map[string]memory.Role{"the sidecar": played(rogue.Honest, nobody), "a rogue with no knob": played(rogue.Honest, all)} {
					if c, v := in(t, name, role); v.Outcome != oracle.Pass {
						t.Errorf("%s: %s", what, told(c, v))
					}
				}
			})
		}
	})
	var mu sync.Mutex
	first := map[string]rogue.Knob{} // by check
	table := make([]string, len(rogues))
	t.Run("rogue", func(t *testing.T) {
		for i, row := range rogues {
			t.Run(string(row.knob), func(t *testing.T) {
				t.Parallel()
				c, v := in(t, row.setting, played(row.knob, row.service()))
				f, caught := row.caught(v)
				if !caught {
					t.Fatalf("want %s to say %q, with events that show it; failed first: %q\n%s", row.check, row.says, firstFailed(v), told(c, v))
				}
				require.Equal(t, 1, v.Exit())
				mu.Lock()
				defer mu.Unlock()
				one := firstFailed(v)
				table[i] = fmt.Sprintf("%-44s %-27s %s", row.knob, row.check, f.What)
				if one != row.check {
					table[i] += " (after " + one + ")"
				}
				if first[one] == "" {
					first[one] = row.knob
				}
			})
		}
	})
	t.Logf("rogue → check → finding\n%s", strings.Join(table, "\n"))
	// Each check that a sidecar can fail is the first to catch a rogue: none is there for show.
	for _, check := range oracle.Checks() {
		if why, known := never[check.Name]; known {
			require.Empty(t, first[check.Name], "%s is the first to catch a rogue after all (%s)", check.Name, why)
			continue
		}
		require.NotEmpty(t, first[check.Name], "no rogue is caught by %s before any other check", check.Name)
	}
}

// The engine that the rogues are made of keeps all promises by itself.
func TestAnHonestRoguePassesEveryScenario(t *testing.T) {
	notShort(t)
	files, err := filepath.Glob("*/scenario.yaml")
	require.NoError(t, err)
	for _, file := range files {
		t.Run(filepath.Dir(file), func(t *testing.T) {
			t.Parallel()
			s, spec, err := harness.Load(filepath.Dir(file))
			require.NoError(t, err)
			c, v := rehearse(t, harness.Rehearsal{Scenario: s, Spec: spec, Start: memory.New(played(rogue.Honest, all))})
			if v.Outcome != oracle.Pass {
				t.Fatal(told(c, v))
			}
		})
	}
}
