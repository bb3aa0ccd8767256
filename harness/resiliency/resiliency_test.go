package resiliency_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/heap"
	"github.com/halfopen/halfopen/harness/resiliency"
)

func parse(t testing.TB, spec string) *resiliency.Spec {
	t.Helper()
	s, problems := resiliency.Parse("resiliency.yaml", []byte(spec))
	require.Empty(t, problems)
	return s
}

const quickstart = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: myresiliency }
scopes: [checkout]
spec:
  policies:
    retries: { retryForever: { policy: constant, maxInterval: 5s, maxRetries: -1 } }
    circuitBreakers: { simpleCB: { maxRequests: 1, timeout: 5s, trip: consecutiveFailures >= 5 } }
  targets: { apps: { order-processor: { retry: retryForever, circuitBreaker: simpleCB } } }
`

// head and the policies of a spec without scopes.
func spec(policies, targets string) string {
	return "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: x }\nspec: { policies: { " + policies + " }, targets: { " + targets + " } }\n"
}

func TestThePagesMaxIntervalHasNoEffect(t *testing.T) {
	p := parse(t, quickstart).For("checkout", "order-processor")
	require.True(t, p.Named)
	require.Nil(t, p.Builtin, "there is a target")
	require.Nil(t, p.Timeout)
	lo, hi := p.Retry.Gap(7)
	require.Equal(t, 5*time.Second, lo, "the default, not maxInterval's doing")
	require.Equal(t, 5*time.Second, hi)
	require.Equal(t, resiliency.Forever, p.Retry.MaxRetries)
	require.Equal(t, 1, p.Breaker.MaxRequests)
	require.Equal(t, 5*time.Second, p.Breaker.Timeout)
}

func TestDefaultsOfAllFields(t *testing.T) {
	s := parse(t, spec("retries: { r: {} }, circuitBreakers: { b: {} }", ""))
	require.Equal(t, resiliency.Retry{
		Name: "r", Policy: "constant", Duration: 5 * time.Second, MaxInterval: 60 * time.Second, MaxRetries: -1, Line: 4,
	}, s.Retries["r"])
	require.Equal(t, resiliency.Breaker{Name: "b", MaxRequests: 1, Timeout: 60 * time.Second, Trip: "consecutiveFailures > 5", Line: 4}, s.Breakers["b"])
}

func TestABreakersTimeoutOfZeroIsTheDefault(t *testing.T) {
	require.Equal(t, 60*time.Second, parse(t, spec("circuitBreakers: { b: { timeout: 0s } }", "")).Breakers["b"].Timeout)
}

func TestWhatDaprdReadsThoughItIsOdd(t *testing.T) {
	s := parse(t, spec("retries: { a: &r { duration: 2s, maxRetries: 0x10 }, b: { <<: *r, maxRetries: 1 } }", ""))
	require.Equal(t, 16, s.Retries["a"].MaxRetries)
	require.Equal(t, 2*time.Second, s.Retries["b"].Duration)
	s, problems := resiliency.Parse("x.yaml", []byte(spec("retries: { a: { maxRetries: -7 } }, timeouts: { t: -1s }", "")))
	require.Len(t, problems, 2)
	require.False(t, s.Broken)
	require.Equal(t, resiliency.Forever, s.Retries["a"].MaxRetries)
	_, problems = resiliency.Parse("x.yaml", []byte(spec("retries: { a: { maxRetries: '3' } }", "")))
	require.Len(t, problems, 1, "a number in quotes is text")
}

func TestTargetsThatAreNotRunAreReadAllTheSame(t *testing.T) {
	s, problems := resiliency.Parse("x.yaml", []byte(spec("circuitBreakers: { b: {} }", "apps: { x: { circuitBreaker: b } }, actors: { A: { circuitBreaker: b }, B: { circuitBreaker: c, circuitBreakerScope: id } }, components: { k: { retry: b, inbound: { circuitBreaker: c } } }")))
	kinds := map[string]string{}
	for _, p := range problems {
		kinds[p.Field] = string(p.Kind)
	}
	require.Equal(t, map[string]string{
		"spec.targets.actors.A.circuitBreaker":             string(resiliency.NoScope),
		"spec.targets.actors.B.circuitBreaker":             string(resiliency.NoPolicy),
		"spec.targets.components.k.inbound.circuitBreaker": string(resiliency.NoPolicy),
		"spec.targets.components.k.retry":                  string(resiliency.NoDirection),
	}, kinds)
	require.False(t, s.Broken, "app targets apply all the same")
	require.NotNil(t, s.For("a", "x").Breaker)
}

func TestTheShapeOfATrip(t *testing.T) {
	for expr, want := range map[string]struct {
		threshold, fewest            int
		only, whole, ratio, dividing bool
	}{
		"consecutiveFailures > 5":                                  {6, 6, true, false, false, false},
		"totalFailures >= 3":                                       {3, 3, false, false, false, false},
		"requests >= 10 && totalFailures > 1":                      {10, 2, false, false, false, false},
		"totalFailures / requests > 0":                             {1, 1, false, true, true, false},
		"totalFailures * 100 / requests > 50":                      {1, 1, false, false, true, false},
		"totalFailures * 2 > requests":                             {1, 1, false, false, true, false},
		"double(totalFailures) / double(requests) > 0.5":           {1, 1, false, false, true, false},
		"totalFailures * 100 / totalSuccesses > 50":                {0, 1, false, false, true, true},
		"requests > 2000":                                          {0, 1, false, false, false, false},
		"[1, 2].exists(n, consecutiveFailures >= n + 1)":           {2, 2, false, false, false, false},
		"consecutiveFailures >= 2 && consecutiveFailures % 2 == 0": {2, 2, true, false, false, false},
	} {
		trip, err := resiliency.CompileTrip(expr)
		require.NoError(t, err, expr)
		n, _ := trip.Threshold()
		require.Equal(t, want.threshold, n, expr)
		n, _ = trip.FewestFailures()
		require.Equal(t, want.fewest, n, expr)
		require.Equal(t, []bool{want.only, want.whole, want.ratio, want.dividing}, []bool{trip.OnlyConsecutive(), trip.WholeDivision(), trip.Ratio(), trip.DividesBySuccesses()}, expr)
	}
}

func TestWhichPoliciesAreInForce(t *testing.T) {
	builtin := "every 1s, at most 3"
	for _, c := range []struct {
		name, spec, caller, callee string
		retry, breaker, builtin    string // "" for none
	}{
		{"no_spec_at_all", "", "a", "b", "", "", builtin},
		{"out_of_scope", quickstart, "another", "order-processor", "", "", builtin},
		{"a_target_of_another_app", quickstart, "checkout", "another", "", "", builtin},
		{"a_named_target_wins_whole", spec("retries: { DefaultRetryPolicy: { duration: 9s }, r: {} }", "apps: { b: { retry: r } }"), "a", "b", "every 5s, for ever", "", ""},
		{"defaults_where_no_target_is_named", spec("retries: { DefaultRetryPolicy: { duration: 9s } }, circuitBreakers: { DefaultAppCircuitBreakerPolicy: {} }", ""), "a", "b", "every 9s, for ever", "trips at consecutiveFailures > 5, open 1m0s, 1 in half-open", builtin},
		{"an_app_default_before_the_general_one", spec("retries: { DefaultRetryPolicy: { duration: 9s }, DefaultAppRetryPolicy: { duration: 8s } }", ""), "a", "b", "every 8s, for ever", "", builtin},
		{"the_built_in_raised", spec("retries: { DaprBuiltInServiceRetries: { duration: 2s, maxRetries: 7 } }", ""), "a", "b", "", "", "every 2s, at most 7"},
		{"the_built_in_not_lowered", spec("retries: { DaprBuiltInServiceRetries: { duration: 1s, maxRetries: 1 } }", ""), "a", "b", "", "", builtin},
		{"the_built_in_not_for_ever", spec("retries: { DaprBuiltInServiceRetries: { duration: 1s, maxRetries: -1 } }", ""), "a", "b", "", "", builtin},
		{"names_of_fields_in_any_case", strings.NewReplacer("maxRetries", "maxretries", "circuitBreakers", "CIRCUITBREAKERS", "retries:", "Retries:").Replace(quickstart), "checkout", "order-processor", "every 5s, for ever", "trips at consecutiveFailures >= 5, open 5s, 1 in half-open", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s *resiliency.Spec
			if c.spec != "" {
				s = parse(t, c.spec)
			}
			p := s.For(c.caller, c.callee)
			text := func(r *resiliency.Retry) string {
				if r == nil {
					return ""
				}
				return r.String()
			}
			require.Equal(t, c.retry, text(p.Retry))
			require.Equal(t, c.builtin, text(p.Builtin))
			if c.breaker == "" {
				require.Nil(t, p.Breaker)
			} else {
				require.Equal(t, c.breaker, p.Breaker.String())
			}
			require.NotEmpty(t, p.Why)
		})
	}
}

func TestAMissingPolicyLacksItsKindOnly(t *testing.T) {
	s, problems := resiliency.Parse("x.yaml", []byte(spec("circuitBreakers: { b: {} }", "apps: { b: { retry: gone, circuitBreaker: b } }")))
	require.Len(t, problems, 1)
	p := s.For("a", "b")
	require.Nil(t, p.Retry)
	require.NotNil(t, p.Breaker)
	require.Nil(t, p.Builtin, "there is a target at all")
}

func TestASpecThatDaprdWouldNotDecodeAppliesNothing(t *testing.T) {
	s, problems := resiliency.Parse("x.yaml", []byte(strings.Replace(quickstart, "timeout: 5s", "timeout: soon", 1)))
	require.Len(t, problems, 1)
	require.True(t, s.Broken)
	require.Equal(t, []string{"myresiliency"}, s.Names)
	require.Nil(t, s.For("checkout", "order-processor").Retry)
}

func TestAListIsSkippedAsDaprdSkipsIt(t *testing.T) {
	item := "- " + strings.ReplaceAll(strings.TrimSpace(quickstart), "\n", "\n  ")
	for _, kind := range []string{"List", "ResiliencyList"} {
		s, problems := resiliency.Parse("x.yaml", []byte("apiVersion: v1\nitems:\n"+item+"\nkind: "+kind+"\nmetadata: { resourceVersion: \"\" }\n"))
		require.Len(t, problems, 1, "one reason, and not all that a list has not")
		require.Equal(t, resiliency.BadKind, problems[0].Kind)
		require.Contains(t, problems[0].What, "daprd skips the file")
		require.Equal(t, strings.Count(item, "\n")+4, problems[0].Line)
		require.True(t, s.Broken)
		require.Equal(t, []string{"myresiliency"}, s.Names)
		require.Nil(t, s.For("checkout", "order-processor").Retry, "nothing of it applies")
	}
}

func TestTheExponentialEnvelope(t *testing.T) {
	r := parse(t, spec("retries: { r: { policy: Exponential, maxInterval: 1s } }", "")).Retries["r"]
	for n, want := range map[int][2]time.Duration{
		1:  {250 * time.Millisecond, 750 * time.Millisecond},
		2:  {375 * time.Millisecond, 1125 * time.Millisecond},
		3:  {500 * time.Millisecond, 1500 * time.Millisecond},
		30: {500 * time.Millisecond, 1500 * time.Millisecond},
	} {
		lo, hi := r.Gap(n)
		require.Equal(t, want, [2]time.Duration{lo, hi}, "gap %d", n)
	}
	r.MaxInterval = 100 * time.Millisecond
	lo, hi := r.Gap(1)
	require.Equal(t, [2]time.Duration{250 * time.Millisecond, 750 * time.Millisecond}, [2]time.Duration{lo, hi}, "the first gap ignores the cap")
	lo, hi = r.Gap(2)
	require.Equal(t, [2]time.Duration{50 * time.Millisecond, 150 * time.Millisecond}, [2]time.Duration{lo, hi})
	r.MaxInterval = 1<<63 - 1
	lo, hi = r.Gap(1000)
	require.Less(t, lo, hi, "a cap of 292 years is not passed by what is beyond a duration")
}

func TestWhichStatusesAreRetried(t *testing.T) {
	all := parse(t, spec("retries: { r: {} }", "")).Retries["r"]
	some := parse(t, spec(`retries: { r: { matching: { httpStatusCodes: "429,500-599" } } }`, "")).Retries["r"]
	for status, want := range map[int][2]bool{
		101: {true, false}, 200: {false, false}, 302: {false, false}, 399: {false, false}, 400: {true, false},
		429: {true, true}, 404: {true, false}, 500: {true, true}, 599: {true, true}, 600: {false, false},
	} {
		require.Equal(t, want, [2]bool{all.Retries(status), some.Retries(status)}, "%d", status)
	}
}

func TestTrips(t *testing.T) {
	for expr, c := range map[string]struct {
		counts resiliency.Counts
		want   bool
	}{
		"consecutiveFailures > 5":                               {resiliency.Counts{ConsecutiveFailures: 5}, false},
		"consecutiveFailures >= 5":                              {resiliency.Counts{ConsecutiveFailures: 5}, true},
		"requests >= 10 && totalFailures * 100 / requests > 50": {resiliency.Counts{Requests: 10, TotalFailures: 6}, true},
		"totalFailures * 100 / requests > 50 && requests >= 10": {resiliency.Counts{Requests: 0}, false},
		"nonsense > 5":                   {resiliency.Counts{Requests: 9}, false},
		"requests >= 1 || nonsense > 5":  {resiliency.Counts{Requests: 9}, true},
		"consecutiveFailures":            {resiliency.Counts{ConsecutiveFailures: 9}, false},
		"totalFailures > 0.6 * requests": {resiliency.Counts{Requests: 1, TotalFailures: 1}, false},
		"consecutiveFailures >= 3.0":     {resiliency.Counts{ConsecutiveFailures: 3}, true},
		"consecutiveFailures > 4u":       {resiliency.Counts{ConsecutiveFailures: 5}, true},
		"consecutiveFailures == 3.0":     {resiliency.Counts{ConsecutiveFailures: 3}, true},
	} {
		trip, err := resiliency.CompileTrip(expr)
		require.NoError(t, err, expr)
		require.Equal(t, c.want, trip.Eval(c.counts), expr)
	}
	_, err := resiliency.CompileTrip("consecutiveFailures >")
	require.Error(t, err)
	for expr, known := range map[string]bool{
		"nonsense > 5":                                                 false,
		"consecutiveFailures":                                          false,
		"totalFailures > 0.6 * requests":                               false,
		"consecutiveFailures > '5'":                                    false,
		"consecutiveFailures == '5'":                                   false,
		"consecutiveFailures in 5":                                     false,
		"consecutiveFailures == 5.0 ? 1: 2":                            false,
		"consecutiveFailures == 5.0 && totalFailures > 0.6 * requests": false,
		"totalFailures / requests > 0.6":                               true,
		"consecutiveFailures > 4u":                                     true,
		"consecutiveFailures == 5.0":                                   true,
		"consecutiveFailures != 5u && requests > 1":                    true,
		"consecutiveFailures in [5.0]":                                 true,
		"consecutiveFailures > (requests > 9 ? 5 : 9.5)":               true,
	} {
		trip, err := resiliency.CompileTrip(expr)
		require.NoError(t, err)
		require.Equal(t, known, trip.Unknown == "", "%s: %s", expr, trip.Unknown)
	}
}

func TestTheBoundOfRecovery(t *testing.T) {
	for _, c := range []struct {
		name, spec string
		want       time.Duration
	}{
		{"the_quickstart_within_one_retry_interval", quickstart, 5 * time.Second},
		{"no_spec_within_the_built_in_gap_or_the_next_order", "", time.Second},
		{"a_breaker_alone_after_its_open_time", spec("circuitBreakers: { b: { timeout: 8s } }", "apps: { order-processor: { circuitBreaker: b } }"), 9 * time.Second},
		{"a_breaker_that_outlasts_the_gap", spec("retries: { r: { duration: 1s } }, circuitBreakers: { b: { timeout: 8s } }", "apps: { order-processor: { retry: r, circuitBreaker: b } }"), 9 * time.Second},
		{"an_exponential_retry_within_its_longest_gap", spec("retries: { r: { policy: exponential, maxInterval: 10s } }", "apps: { order-processor: { retry: r } }"), 15 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s *resiliency.Spec
			if c.spec != "" {
				s = parse(t, c.spec)
			}
			got, bounded := s.For("checkout", "order-processor").RecoveryBound(time.Second, 0)
			require.True(t, bounded)
			require.Equal(t, c.want, got)
		})
	}
}

func TestEverySpecOfTheRecordingsIsReadAsDaprdReadIt(t *testing.T) {
	files, err := filepath.Glob("testdata/recorded/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		s, problems := resiliency.Parse(file, text)
		bad := strings.Contains(file, "badspec")
		require.Equal(t, bad, s.Broken, "%s: %v", file, problems)
		require.Equal(t, bad, len(problems) > 0, "%s: %v", file, problems)
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/recorded/*.yaml")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			f.Add(text)
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		most := heap.Most(func() {
			s, problems := resiliency.Parse("x.yaml", text)
			if s == nil && len(problems) == 0 {
				t.Fatal("nothing was read and nothing is wrong")
			}
			p := s.For("a", "b")
			p.RecoveryBound(time.Second, time.Second)
			_ = problems.Error()
		})
		require.LessOrEqual(t, most, uint64(heap.Limit), "bytes of memory")
	})
}

func FuzzParseRanges(f *testing.F) {
	f.Add("429,500-599")
	f.Add("1-,-")
	f.Fuzz(func(t *testing.T, text string) {
		ranges, err := resiliency.ParseRanges(text, 100, 599)
		if err == nil && len(ranges) == 0 {
			t.Fatal("no range and no error")
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	f.Add("5s")
	f.Add("9223372036854775807")
	f.Fuzz(func(t *testing.T, text string) { resiliency.ParseDuration(text) })
}

func FuzzCompileTrip(f *testing.F) {
	f.Add("consecutiveFailures > 5")
	f.Add("requests / 0 > 1")
	f.Fuzz(func(t *testing.T, text string) {
		most := heap.Most(func() {
			if trip, err := resiliency.CompileTrip(text); err == nil {
				trip.Eval(resiliency.Counts{Requests: 1})
				trip.FewestFailures()
			}
		})
		require.LessOrEqual(t, most, uint64(heap.Limit), "bytes of memory")
	})
}
