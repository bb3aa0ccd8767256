package scenarios

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/harnesstest"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/testimony"
)

// These runs have daprd beside each app: the one that HALFOPEN_DAPRD names, or else the stand-in, which speaks as
// daprd was recorded to.

// standin builds the stand-in, once a test process, as a program that containers can run too.
var standin = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "halfopen-standin-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "daprd")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./standin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	return path, build.Run()
})

// daprd is the executable that plays, and says which it is.
func daprd(t *testing.T) (path string) {
	t.Helper()
	if path = os.Getenv(harness.EnvDaprd); path != "" {
		t.Logf("with daprd: %s", path)
		return path
	}
	path, err := standin()
	require.NoError(t, err)
	t.Logf("with the stand-in for daprd, not with a daprd (%s names one)", harness.EnvDaprd)
	return path
}

// sampled are the scenarios that every test run plays with daprd: a connection that breaks in each way, no spec and a
// broken one, answers that fail.
var sampled = []string{"nothing-happens", "kill-order-processor", "reset-connections", "no-spec-at-all", "spec-that-does-not-load", "retried-post-duplicates"}

// These play beside each other, and not beside all the others: some say when daprd dials, to fractions of a second.
func TestDaprd(t *testing.T) {
	for name, play := range map[string]func(*testing.T){
		"in_the_built_in_sidecars_place": daprdInTheBuiltInSidecarsPlace,
		"each_release":                   eachReleaseOfDaprd,
		"dials_again_late":               daprdDialsAgainLate,
		"announces_the_link_by_mdns":     daprdAnnouncesTheLinkByMDNS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t)
		})
	}
}

func daprdInTheBuiltInSidecarsPlace(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes or containers for about half a minute")
	}
	if os.Getenv("HALFOPEN_CATALOGUE") != "" {
		t.Skip("skipped: the whole catalogue is played, these too")
	}
	playDaprd(t, sampled)
}

// named is the stand-in, as one that says it is of another release.
func named(t *testing.T, version string) (path string) {
	t.Helper()
	program, err := standin()
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "daprd-"+version)
	require.NoError(t, os.Symlink(program, path))
	return path
}

// One that lacks what a run starts it with is refused before anything starts. What a later one says is well worded for its
// own release, and for none that worded its lines otherwise.
func eachReleaseOfDaprd(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes for some seconds")
	}
	if os.Getenv(harness.EnvDaprd) != "" {
		t.Skip("skipped: a daprd is of one release; the stand-in takes many")
	}
	older := []string{"1.8.4", "1.12.6", "1.13.2", "1.17.9"}
	for _, version := range older {
		t.Run(version, func(t *testing.T) {
			refused(t, "fails-n-then-succeeds", "process", version, "the name resolver nameformat (name one of 1.18.0 or later")
		})
	}
	const version = "1.19.0"
	run, err := harnesstest.Play(t, harness.Options{
		Scenario: "fails-n-then-succeeds", Env: "process", Binary: harnesstest.Binary(t), Reports: t.TempDir(), Daprd: named(t, version),
	})
	require.NoError(t, err)
	require.NotEqual(t, oracle.Fail, run.Verdict.Outcome, "%s", harnesstest.Story(run)) // on a busy machine it may be unknown
	for as, want := range map[string]oracle.Outcome{"1.9.6": oracle.Fail, "1.12.6": oracle.Fail, "1.13.2": oracle.Fail, "1.14.0": oracle.Pass, version: oracle.Pass} {
		c, err := harness.ReadCase(run.Dir)
		require.NoError(t, err)
		require.Equal(t, version+"-standin", c.History.Header.SidecarVersion)
		c.History.Header.SidecarVersion = as
		for i := range c.History.Events {
			e := &c.History.Events[i]
			e.Text = strings.ReplaceAll(e.Text, version+"-standin", as)
		}
		v := oracle.Judge(c)
		r := v.Results[slices.IndexFunc(v.Results, func(r oracle.Result) bool { return r.Check == "log-wording" })]
		require.Equal(t, want, r.Outcome, "said by %s, taken for %s: %+v", version, as, r)
		require.Equal(t, 2, r.Examined, "a Retrying line and a Recovered one")
	}
}

// refused fails where a stand-in of that version is let run.
func refused(t *testing.T, scenario, ground, version, says string) {
	t.Helper()
	o := harness.Options{Scenario: scenario, Env: ground, Binary: harnesstest.Binary(t), Reports: t.TempDir(), Daprd: named(t, version)}
	run, err := harness.Play(t.Context(), o)
	require.Nil(t, run)
	require.ErrorAs(t, err, new(harness.NotStarted))
	require.ErrorContains(t, err, o.Daprd+" is daprd "+version+"-standin, which lacks "+says)
	left, err := os.ReadDir(o.Reports)
	require.NoError(t, err)
	require.Empty(t, left, "nothing was started")
}

// TestDaprdPlaysTheCatalogue takes minutes: `make daprd` asks for it.
func TestDaprdPlaysTheCatalogue(t *testing.T) {
	if os.Getenv("HALFOPEN_CATALOGUE") == "" || testing.Short() {
		t.Skip("skipped: HALFOPEN_CATALOGUE=1 asks for it (make daprd)")
	}
	files, err := filepath.Glob("*/scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var dirs []string
	for _, f := range files {
		dirs = append(dirs, filepath.Dir(f))
	}
	playDaprd(t, dirs)
}

// notWithDaprd is a golden list, so that it can't grow unseen: what daprd can't play, and why.
var notWithDaprd = map[string]string{}

// daprdAtOnce is how many scenarios go on at once.
var daprdAtOnce = map[string]int{"container": 6, "process": 6}

// playDaprd plays scenarios with daprd: each keeps its promises, but for those of which a known deviation tells.
func playDaprd(t *testing.T, dirs []string) {
	path := daprd(t)
	ground, err := harness.Choose(t.Context(), os.Getenv("HALFOPEN_ENV"), harnesstest.Binary(t))
	require.NoError(t, err)
	t.Logf("in %s environment: %s", ground.Name, ground.Why)
	reports := os.Getenv("HALFOPEN_REPORTS")
	if reports == "" {
		reports = t.TempDir()
	}
	if os.Getenv(harness.EnvDaprd) == "" {
		t.Run("a_real_daprd", func(t *testing.T) { t.Skipf("skipped: %s names none, the stand-in plays", harness.EnvDaprd) })
	}
	play := func(t *testing.T, dir string, stage *harness.Stage) *harness.Run {
		run, err := harness.Play(t.Context(), harness.Options{
			Scenario: dir, Env: ground.Name, Binary: ground.Binary, Reports: reports, Stage: stage, Sidecar: "daprd", Daprd: path,
		})
		require.NoError(t, err)
		requireAsDaprd(t, run)
		return run
	}
	// Not only a late machine leaves a run unknown: an attempt that never crossed may belong to several callers' orders.
	var again []string
	var mu sync.Mutex
	for some := range slices.Chunk(dirs, daprdAtOnce[ground.Name]) {
		var stage harness.Stage
		t.Run("wave", func(t *testing.T) { // the next begins when these are over
			for _, dir := range some {
				t.Run(dir, func(t *testing.T) {
					if why := notWithDaprd[dir]; why != "" {
						t.Skip("skipped: " + why)
					}
					t.Parallel()
					if run := play(t, dir, &stage); run.Verdict.Outcome == oracle.Unknown {
						t.Logf("could not be judged: it is played again, alone\n%s", harnesstest.Story(run))
						mu.Lock()
						defer mu.Unlock()
						again = append(again, dir)
					}
				})
			}
		})
	}
	for _, dir := range again {
		t.Run("again/"+dir, func(t *testing.T) {
			run := play(t, dir, nil)
			for n := 1; n < mostAgain && run.Verdict.Outcome == oracle.Unknown; n++ {
				run = play(t, dir, nil)
			}
			require.NotEqual(t, oracle.Unknown, run.Verdict.Outcome, "%s\n%s", run.Dir, harnesstest.Story(run))
		})
	}
}

// mostAgain is how often a run is played alone that could not be judged.
const mostAgain = 3

// requireAsDaprd fails where a promise is broken that daprd is not known to break.
func requireAsDaprd(t *testing.T, run *harness.Run) {
	t.Helper()
	v := run.Verdict
	require.True(t, strings.HasPrefix(v.Sidecar, "daprd "), v.Sidecar)
	if v.Outcome == oracle.Pass {
		t.Logf("%s: %d attempts, %d of them uncrossed", v.Outcome, v.Figures.Attempts, v.Figures.Uncrossed)
		return
	}
	for _, r := range v.Results {
		if !r.Applies || r.Outcome != oracle.Fail {
			continue
		}
		if why := harness.Deviates(v, r); why != "" {
			t.Logf("%s: %s", r.Check, why)
			continue
		}
		t.Fatalf("%s\n%s", run.Dir, harnesstest.Story(run))
	}
}

// All promises are kept but recovery, and the report says why: attempts that never crossed, between two dials.
func daprdDialsAgainLate(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes for some seconds")
	}
	if os.Getenv(harness.EnvDaprd) != "" {
		t.Skip("skipped: when a daprd dials again is its own to choose; the stand-in has no jitter")
	}
	run, err := harnesstest.Play(t, harness.Options{
		Scenario: filepath.Join("testdata", "dials-again-late"), Env: "process", Binary: harnesstest.Binary(t), Reports: t.TempDir(), Daprd: daprd(t),
	})
	require.NoError(t, err)
	v := run.Verdict
	require.Equal(t, 1, v.Exit(), "%s", harnesstest.Story(run))
	i := slices.IndexFunc(v.Results, func(r oracle.Result) bool { return r.Check == "recovery" })
	require.Equal(t, oracle.Fail, v.Results[i].Outcome, "%s", harnesstest.Story(run))
	for j, r := range v.Results {
		require.True(t, i == j || r.Outcome != oracle.Fail, "%s", harnesstest.Story(run))
	}
	says := v.Results[i].Findings[0].What
	require.Contains(t, says, "attempts that never crossed the link, for it dials again by a back-off of its own")
	c, err := harness.ReadCase(run.Dir)
	require.NoError(t, err)
	require.Contains(t, oracle.Explain(c).Recoveries[0].Why, "it dials again by a back-off of its own")
	require.True(t, strings.HasSuffix(c.History.Header.SidecarVersion, "-standin"), c.History.Header.SidecarVersion)
}

// By mDNS the target announces the link of its caller: all that the caller's daprd sends crosses that link.
func daprdAnnouncesTheLinkByMDNS(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real containers for about half a minute")
	}
	ground, err := harness.Choose(t.Context(), "", harnesstest.Binary(t))
	require.NoError(t, err)
	if ground.Name != "container" {
		t.Skip("skipped: mDNS stays on the network of a run's own containers, and " + ground.Why)
	}
	refused(t, filepath.Join("testdata", "found-by-mdns"), "container", "1.13.2", "--dapr-internal-grpc-listen-address and --metrics-listen-address (name one of 1.14.0 or later")
	run, err := harnesstest.Play(t, harness.Options{
		Scenario: filepath.Join("testdata", "found-by-mdns"), Env: "auto", Binary: ground.Binary, Reports: t.TempDir(), Daprd: daprd(t),
	})
	require.NoError(t, err)
	requireAsDaprd(t, run)
	c, err := harness.ReadCase(run.Dir)
	require.NoError(t, err)
	require.Equal(t, "container", c.History.Header.Env)
	told := regexp.MustCompile(`^local service entry announced: (\S+) -> (\S+):(\d+)$`)
	announced := map[string]string{}
	for _, e := range c.History.Events {
		if m := told.FindStringSubmatch(testimony.Parse(e.Text).Message); m != nil {
			announced[m[1]] = m[2]
		}
	}
	require.Len(t, announced, 2)
	require.NotEqual(t, announced["checkout"], announced["order-processor"])
	require.GreaterOrEqual(t, run.Verdict.Figures.Attempts-run.Verdict.Figures.Uncrossed, run.Verdict.Figures.OrdersAccepted, "each accepted order crossed the link")
}
