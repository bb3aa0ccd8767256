package scenarios

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"text/tabwriter"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
)

// asked gives how many runs a variable of the environment asks for; otherwise where it is not set.
func asked(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "%s wants a number of runs", name)
	require.Positive(t, n, "%s wants a number of runs", name)
	return n
}

// enough is so many, and few where the short tests are asked for.
func enough(many, few int) int {
	if testing.Short() {
		return few
	}
	return many
}

// notShort leaves a test to the long ones: it plays for seconds, and others show the same of less.
func notShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: plays much in memory")
	}
}

// amongShort lets a test that plays in memory run beside others where only the short tests do: beside real processes it
// would make the machine late.
func amongShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Parallel()
	}
}

// inBubble plays a scenario in a bubble of virtual time.
func inBubble(t *testing.T, r harness.Rehearsal) (c oracle.Case, err error) {
	defer func() {
		// A toxic that comes to a connection at the instant of its end leaves a goroutine of Toxiproxy's blocked. The run
		// is over and whole by then.
		if stuck := recover(); stuck != nil && !strings.Contains(fmt.Sprint(stuck), "main bubble goroutine has exited") {
			panic(stuck)
		}
	}()
	synctest.Test(t, func(t *testing.T) { c, err = harness.Rehearse(t.Context(), r) })
	return c, err
}

// An outing is one of many runs.
type outing struct {
	name    string // what was played: a scenario, or a drawn case with its seed
	dir     string // its report; "" where there is none
	verdict oracle.Verdict
	err     error // it could not be played
}

// A census counts how many runs came out. It is told of them one at a time, or at once.
type census struct {
	mu      sync.Mutex
	runs    int
	passed  int
	unknown map[string]int // by reason
	vague   []string       // unknown without a reason
	failed  []string       // what failed, or could not be played
}

// add counts an outing.
func (c *census) add(o outing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs++
	switch {
	case o.err != nil:
		c.failed = append(c.failed, fmt.Sprintf("%s: %v", o.name, o.err))
	case o.verdict.Outcome == oracle.Pass:
		c.passed++
	case o.verdict.Outcome == oracle.Fail:
		c.failed = append(c.failed, fmt.Sprintf("%s: %s (%s)", o.name, strings.Join(o.verdict.Why, "; "), o.dir))
	case len(o.verdict.Why) == 0:
		c.vague = append(c.vague, o.name)
	default:
		if c.unknown == nil {
			c.unknown = map[string]int{}
		}
		c.unknown[reason(o.verdict)]++
	}
}

var (
	numbers = regexp.MustCompile(`\d[\d.]*(ns|µs|ms|h|m|s)?(\d[\d.]*(ns|µs|ms|m|s))*`)
	names   = regexp.MustCompile(`breaker \S+|order (probe-)?N|[a-z-]+(->|/)[a-z-]+|order-processor|\(.*\)`)
	sizes   = regexp.MustCompile(`( …)?( ±N| (with|by|for|at|into|to) N( (KB/s|bytes))?)+`)
)

// slackOnly is the reason of a run that is unknown only because the machine was late.
const slackOnly = "slack"

// reason is why a run is unknown, the same for all runs that are so for the same reason.
func reason(v oracle.Verdict) string {
	all := map[string]bool{}
	late := len(v.Why) > 0
	for _, why := range v.Why {
		_, what, _ := strings.Cut(why, ": ")
		late = late && strings.HasPrefix(what, "slack: ")
		why = names.ReplaceAllString(numbers.ReplaceAllString(why, "N"), "…")
		all[strings.TrimSpace(sizes.ReplaceAllString(why, " …"))] = true
	}
	if late {
		return slackOnly
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), "; ")
}

// unknowns are all runs that could not be judged.
func (c *census) unknowns() (n int) {
	for _, k := range c.unknown {
		n += k
	}
	return n + len(c.vague)
}

// String is the table that people read.
func (c *census) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "runs\t%d\npassed\t%d\nunknown\t%d\n", c.runs, c.passed, c.unknowns())
	for _, why := range slices.SortedFunc(maps.Keys(c.unknown), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.unknown[b], c.unknown[a]), cmp.Compare(a, b))
	}) {
		fmt.Fprintf(w, "  %d\t%s\n", c.unknown[why], why)
	}
	for _, name := range c.vague {
		fmt.Fprintf(w, "  \twithout a reason: %s\n", name)
	}
	fmt.Fprintf(w, "failed\t%d\n", len(c.failed))
	for _, what := range c.failed {
		fmt.Fprintf(w, "  \t%s\n", what)
	}
	w.Flush()
	return b.String()
}
