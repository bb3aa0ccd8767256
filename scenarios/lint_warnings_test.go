package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/lint"
	"github.com/halfopen/halfopen/harness/resiliency"
)

// Warnings, shown as the errors are: under a rule's failing example the sidecar does what the rule says, and under its
// passing one what was meant. Those that compare numbers are in TestLintsNumbersAreWhatHappens; those about actors,
// components, streams and several files have nothing here to be shown with.
func TestLintsWarningsAreWhatHappens(t *testing.T) {
	notShort(t)
	const unavailable, hangs, away = "respond: order-processor, status: 503, for: 20s", "hang: order-processor, for: 20s", "stop: order-processor, for: 20s"
	const inTime = 11 * time.Second // 4 attempts of 2 s, and 3 gaps of 1 s
	type check = func(*testing.T, whatCameOfIt)
	longer := func(t *testing.T, spec string) string {
		require.Contains(t, spec, "maxInterval: 5s")
		return strings.Replace(spec, "maxInterval: 5s", "maxInterval: 9s", 1)
	}
	for id, c := range map[string]struct {
		fault     string
		edit      func(*testing.T, string) string
		bad, good check
	}{
		"L11": {unavailable, longer, both(attempts(4), took(15*time.Second)), both(attempts(4), took(15*time.Second))},
		"L12": {hangs, nil, both(attempts(4), took(3*time.Second+8*time.Millisecond)), both(attempts(4), took(inTime))},
		"L15": {unavailable, nil, neverOpened, didOpen},
		"L18": {hangs, nil, both(fewer(3), tookFrom(18*time.Second, 21*time.Second)), both(attempts(4), took(inTime))},
		"L20": {away, nil, attempts(1), attempts(4)},
		"L21": {away, nil, attempts(4), attempts(6)},
		"L22": {"respond: order-processor, status: 503, for: 20m", nil, tookFrom(14*time.Minute, 15*time.Minute), attempts(11)},
		"L27": {unavailable, nil, skipped, retried(4)},
		"L28": {unavailable, nil, both(attempts(1), func(t *testing.T, w whatCameOfIt) { require.True(t, w.loaded) }), retried(4)},
		"L38": {unavailable, nil, func(t *testing.T, w whatCameOfIt) { require.Greater(t, w.most, 15, "for ever") }, retried(4)},
	} {
		t.Run(id, func(t *testing.T) {
			r, known := lint.Find(id)
			require.True(t, known)
			bad, good := r.Examples()
			if c.edit != nil {
				bad = c.edit(t, bad)
			}
			story := lintStory(c.fault, "once")
			if strings.HasSuffix(c.fault, "m") {
				story = strings.Replace(story, "for: 100s", "for: 25m", 1)
			}
			c.bad(t, underSpec(t, story, bad))
			c.good(t, underSpec(t, story, good))
		})
	}
}

// An exponential retry ends within 15 minutes, whatever its number; a constant one does not.
func TestFifteenMinutesAreWhatHappens(t *testing.T) {
	notShort(t)
	story := strings.Replace(lintStory("respond: order-processor, status: 503, for: 20m", "once"), "for: 100s", "for: 25m", 1)
	for _, c := range []struct {
		name, retry string
		found       bool
		holds       func(*testing.T, whatCameOfIt)
	}{
		{"more_retries_than_fit", "policy: exponential, maxRetries: 40", true, both(fewer(41), tookFrom(13*time.Minute+30*time.Second, 15*time.Minute))},
		{"as_many_as_fit_in_any_case", "policy: exponential, maxRetries: 15", false, attempts(16)},
		{"constant_and_for_ever", "duration: 10s, maxRetries: -1", false, tookFrom(19*time.Minute, 21*time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := numbersSpec("1s", c.retry, "")
			report := lint.Check([]lint.Source{{Name: "x.yaml", Data: []byte(spec)}}, lint.Options{}).WithoutNotes()
			require.Equal(t, c.found, len(report.Findings) > 0, "%v", report.Findings)
			if c.found {
				require.Equal(t, "L22", report.Findings[0].Rule)
			}
			c.holds(t, underSpec(t, story, spec))
		})
	}
}

// A target may name the retries that Dapr brings itself: they need no definition, and act on all failures then.
func TestATargetNamesBuiltInRetries(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"DaprBuiltInServiceRetries": 4, "DaprBuiltInActorNotFoundRetries": 6, "DaprBuiltInActorReminderRetries": 1} {
		spec := strings.Replace(numbersSpec("1s", "duration: 9s, maxRetries: 1", ""), "retry: again", "retry: "+name, 1)
		require.Zero(t, lint.Check([]lint.Source{{Name: "x.yaml", Data: []byte(spec)}}, lint.Options{}).Count(lint.Error), name)
		parsed, problems := resiliency.Parse("x.yaml", []byte(spec))
		require.Empty(t, problems)
		require.Equal(t, n-1, parsed.For("checkout", "order-processor").Retry.MaxRetries)
		retried(n)(t, underSpec(t, lintStory("respond: order-processor, status: 503, for: 20s", "once"), spec))
	}
}

func both(a, b func(*testing.T, whatCameOfIt)) func(*testing.T, whatCameOfIt) {
	return func(t *testing.T, w whatCameOfIt) { a(t, w); b(t, w) }
}

func tookFrom(least, most time.Duration) func(*testing.T, whatCameOfIt) {
	return func(t *testing.T, w whatCameOfIt) {
		require.GreaterOrEqual(t, w.took, least)
		require.LessOrEqual(t, w.took, most)
	}
}

func fewer(than int) func(*testing.T, whatCameOfIt) {
	return func(t *testing.T, w whatCameOfIt) { require.Less(t, w.most, than) }
}
