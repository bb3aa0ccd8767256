package scenarios

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
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

// loadName is the name under which this program does nothing but keep one core busy, until its input ends.
const loadName = "keeps-a-core-busy"

// playLoad keeps a core busy, where this program was started for that.
func playLoad() bool {
	if filepath.Base(os.Args[0]) != loadName {
		return false
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with whoever holds its other end, however that ends
		os.Exit(0)
	}()
	for range uint64(1) << 63 { // for centuries
	}
	return true
}

// busy keeps all cores busy until the test ends, with one process a core at the priority of everything else. They
// are processes of their own: in this one they would be in the way of the taps, which live here.
func busy(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	as := filepath.Join(t.TempDir(), loadName)
	require.NoError(t, os.Symlink(self, as))
	for range runtime.NumCPU() {
		cmd := exec.Command(as)
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			stdin.Close()
			require.NoError(t, cmd.Wait(), "the load ended by itself")
		})
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

// inWaves plays scenarios in a real environment, as many of them at once as the machine carries: a wave that was
// late halves the next one, and one that was in time lets the next be larger again. Each outing is told as it ends.
func inWaves(t *testing.T, ground harness.Ground, reports string, dirs []string, told func(outing)) {
	t.Helper()
	size := atOnce[ground.Name]
	for n := 1; len(dirs) > 0; n++ {
		size = min(size, len(dirs))
		outings := make([]outing, size)
		var stage harness.Stage
		var wave sync.WaitGroup
		for i, dir := range dirs[:size] {
			wave.Go(func() {
				run, err := harness.Play(t.Context(), harness.Options{
					Scenario: dir, Env: ground.Name, Binary: ground.Binary, Reports: reports, Stage: &stage,
				})
				outings[i] = outing{name: dir, err: err}
				if run != nil {
					outings[i].dir, outings[i].verdict = run.Dir, run.Verdict
				}
			})
		}
		wave.Wait()
		dirs = dirs[size:]
		late := time.Duration(0)
		for _, o := range outings {
			late = max(late, o.verdict.Slack.Upper)
			told(o)
		}
		t.Logf("wave %d: %d at once, late by at most %s, %d left", n, size, late.Round(time.Millisecond), len(dirs))
		size = carried(size, atOnce[ground.Name], late)
	}
}

// carried is how many runs at once the next wave has.
func carried(size, most int, late time.Duration) int {
	const tooLate, inTime = 60 * time.Millisecond, 30 * time.Millisecond
	switch {
	case late > tooLate:
		return max(size/2, 1)
	case late < inTime:
		return min(size+max(size/2, 1), most)
	}
	return size
}

// again gives each of dirs in turn until there are so many, those that take as long side by side.
func again(t *testing.T, dirs []string, runs int) []string {
	t.Helper()
	expected := map[string]time.Duration{}
	out := make([]string, runs)
	for i := range out {
		out[i] = dirs[i%len(dirs)]
		if expected[out[i]] == 0 {
			s, spec, err := harness.Load(out[i])
			require.NoError(t, err)
			expected[out[i]] = scenario.NewPlan(s, spec).Expected
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(expected[b], expected[a]) })
	return out
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
