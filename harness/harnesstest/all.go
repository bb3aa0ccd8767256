package harnesstest

import (
	"cmp"
	"flag"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/scenario"
)

// RunAll plays every scenario of a folder (or of all folders that a pattern as of path/filepath.Match names), each as
// a parallel subtest that bears its path, as [Run] does. They go in waves, so that no more are on at once than the
// machine carries without being late.
func RunAll(t *testing.T, folder string, options ...Option) {
	t.Helper()
	o := settle(t, options)
	ground, err := harness.Choose(t.Context(), o.Env, o.Binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("in %s environment: %s", ground.Name, ground.Why)
	if ground.Name != "container" {
		t.Run("container", func(t *testing.T) { t.Skipf("skipped: runs in %s: %s", ground.Name, ground.Why) })
	}
	t.Cleanup(func() {
		if path, err := harness.Index(o.Reports); err == nil { // without any run that was judged there is none
			t.Logf("all runs: %s", path)
		}
	})
	cases := longestFirst(t, folder)
	carries, _ := harness.Carries(ground.Name)
	waves := &waves{atOnce: carries}
	// Who holds one of go test's places while it waits for an earlier wave must not keep that wave from a place.
	early := parallel() >= len(cases)
	for _, c := range cases {
		t.Run(filepath.ToSlash(c.dir), func(t *testing.T) {
			var w *wave
			if early {
				w = waves.join(c.claims)
			}
			t.Parallel()
			if !early {
				w = waves.join(c.claims)
			}
			defer w.running.Done()
			if w.before != nil {
				w.before.running.Wait()
			}
			o := o
			o.Stage = &w.stage
			if !c.own || (o.Env != "" && o.Env != "auto") {
				o.Env, o.Binary = ground.Name, ground.Binary
			}
			play(t, c.dir, o)
		})
	}
}

// Main runs a package's tests, and lets all scenarios of [RunAll] be on at once that a wave holds: they wait far more
// than they work, and go test's own bound is the number of cores.
//
//	func TestMain(m *testing.M) { os.Exit(harnesstest.Main(m)) }
func Main(m *testing.M) int {
	flag.Parse()
	byHand := false
	flag.Visit(func(f *flag.Flag) { byHand = byHand || f.Name == "test.parallel" })
	if !byHand {
		flag.Set("test.parallel", "64")
	}
	return m.Run()
}

// parallel is how many tests go test lets be on at once.
func parallel() int {
	if f := flag.Lookup("test.parallel"); f != nil {
		if n, ok := f.Value.(flag.Getter).Get().(int); ok && n > 0 {
			return n
		}
	}
	return runtime.GOMAXPROCS(0)
}

// waves gives each scenario that is played a place in a wave. Those that -run leaves out take none.
type waves struct {
	atOnce int

	mu   sync.Mutex
	last *wave
}

// A wave is scenarios that go on at once.
type wave struct {
	stage   harness.Stage
	running sync.WaitGroup
	size    int
	claimed []string // addresses that its scenarios listen on
	before  *wave
}

func (w *waves) join(claims []string) *wave {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil || w.last.size == w.atOnce || harness.Meet(w.last.claimed, claims) {
		w.last = &wave{before: w.last}
	}
	w.last.size++
	w.last.claimed = append(w.last.claimed, claims...)
	w.last.running.Add(1)
	return w.last
}

// A found is one scenario of a folder.
type found struct {
	dir      string
	own      bool // it has services of its user's
	expected time.Duration
	claims   []string
}

// longestFirst keeps the waves short: those that take as long go on together.
func longestFirst(t *testing.T, folder string) []found {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*", "scenario.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no scenario in %s: a scenario is a folder with a scenario.yaml", folder)
	}
	var out []found
	for _, file := range files {
		s, spec, err := harness.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		own := slices.ContainsFunc(s.Services, func(v scenario.Service) bool { return v.App == "" })
		out = append(out, found{filepath.Dir(file), own, scenario.NewPlan(s, spec).Expected, harness.Claims(s)})
	}
	slices.SortStableFunc(out, func(a, b found) int { return cmp.Compare(b.expected, a.expected) })
	return out
}
