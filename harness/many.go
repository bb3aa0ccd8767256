package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Job is one run of many.
type Job struct {
	Scenario string        // its folder or file
	Name     string        // the scenario's
	Nth      int           // which of the repeats, from 1
	Expected time.Duration // how long it should take
	Claims   string        // addresses that nobody else may have meanwhile, separated by spaces: see [Claims]
}

// Claims are the addresses on which a scenario's services listen in every run of it, since they can't be told others:
// runs that claim the same one would meet if they went on at once.
func Claims(s scenario.Scenario) []string {
	var out []string
	for _, v := range s.Services {
		if v.Host != "" {
			out = append(out, net.JoinHostPort(v.Host, strconv.Itoa(v.Port)))
		}
	}
	return out
}

// Meet tells whether two runs claim the same address.
func Meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(address string) bool { return slices.Contains(b, address) })
}

// Jobs loads scenarios and gives the runs of them, repeated, the longest first: waves of runs that take as long as
// each other are the shortest. Everything that is wrong with any of them or with the sidecars' own spec comes at once,
// and so does what can't run in the environment that was asked for.
func Jobs(scenarios []string, repeat int, o Options) ([]Job, error) {
	var out []Job
	_, all := sidecarSpec(o.SidecarResiliency)
	for _, path := range scenarios {
		s, spec, err := Load(path)
		var problems problem.List
		switch {
		case errors.As(err, &problems):
			all = append(all, problems...)
			continue
		case err != nil:
			return nil, err
		}
		if _, _, err := suited(s, o.Env); err != nil {
			all = append(all, problem.Problem{File: path, What: err.Error(), Hint: "leave it out, or run it alone with --env auto"})
			continue
		}
		for n := range repeat {
			out = append(out, Job{
				Scenario: path, Name: s.Name, Nth: n + 1, Expected: scenario.NewPlan(s, spec).Expected, Claims: strings.Join(Claims(s), " "),
			})
		}
	}
	slices.SortStableFunc(out, func(a, b Job) int { return cmp.Compare(b.Expected, a.Expected) })
	return out, all.Err()
}

// Shard is every n-th of jobs from the i-th on (from 1): the shards of all i are all jobs, and take about as long as
// each other.
func Shard(jobs []Job, i, n int) []Job {
	var out []Job
	for k := i - 1; k < len(jobs); k += n {
		out = append(out, jobs[k])
	}
	return out
}

// Carries is how many runs this machine carries at once in an environment, and what sets the bound. More than that
// would make each other late, or find no network or no free file.
func Carries(env string) (n int, why string) {
	perCore, networks := 8, 0 // measured: sixteen runs in processes on two cores are late by a few milliseconds
	if env == "container" {
		perCore, networks = 4, 16 // a Docker engine hands out about thirty networks, and not all are ours
	}
	cores := runtime.GOMAXPROCS(0)
	n, why = perCore*cores, fmt.Sprintf("%d cores", cores)
	if cores == 1 {
		why = "1 core"
	}
	if networks > 0 && n > networks {
		n, why = networks, "the engine's networks"
	}
	const perRun, own = 64, 128 // open files: taps, Toxiproxy, output, and what is open anyway
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		if most := max(1, (int(min(files.Cur, 1<<20))-own)/perRun); n > most {
			n, why = most, fmt.Sprintf("%d open files (ulimit -n)", files.Cur)
		}
	}
	return n, why
}

// Many are runs that go on in waves: those of a wave share a stage, so that none is loaded while another is still
// brought up, and the next wave begins when all of them are over.
type Many struct {
	Options                      // of each of them; Scenario, Stage and Watch are set for each
	Jobs     []Job               // in this order
	AtOnce   int                 // at most so many at once
	FailFast bool                // after the first broken promise, or the first run that could not be played, end the others
	Tell     func(Done)          // told of each that is over, one at a time; nil for nobody
	Follow   func(Job, Progress) // told of each change of each run; nil for nobody

	play func(context.Context, Options) (*Run, error) // Play, but for tests
}

// A Done is one run of many that is over, or never began.
type Done struct {
	Job
	Run  *Run // nil where there is nothing to judge
	Err  error
	Took time.Duration
}

// ErrNotRun is the error of a run that never began, since those before it ended the whole.
var ErrNotRun = errors.New("not run")

// Ended by a fail-fast: the cause of the interruption.
var errFailFast = errors.New("ended, since another run has failed")

// Exit is the code of one run: that of its verdict, and 3 where there is none.
func (d Done) Exit() int {
	if d.Run == nil {
		return 3
	}
	return d.Run.Verdict.Exit()
}

// PlayMany plays them all and gives what came of each, in the order of the jobs. An error means that none was started.
func PlayMany(ctx context.Context, m Many) ([]Done, error) {
	if m.AtOnce < 1 {
		return nil, fmt.Errorf("at most %d runs at once: want one at least", m.AtOnce)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	out := make([]Done, len(m.Jobs))
	var telling sync.Mutex
	for from, to := 0, 0; from < len(m.Jobs); from = to {
		to = m.waveEnd(from)
		wave := m.Jobs[from:to]
		if ctx.Err() != nil {
			for i, j := range wave {
				out[from+i] = Done{Job: j, Err: ErrNotRun}
			}
			continue
		}
		var stage Stage
		ups := make([]func() <-chan struct{}, len(wave))
		for i := range wave {
			ups[i] = stage.enter() // all of them are announced before the first can be up
		}
		var running sync.WaitGroup
		for i, j := range wave {
			running.Go(func() {
				d := m.one(ctx, j, ups[i])
				if m.FailFast && (d.Exit() == 1 || d.Run == nil) {
					end(errFailFast)
				}
				telling.Lock()
				defer telling.Unlock()
				out[from+i] = d
				if m.Tell != nil {
					m.Tell(d)
				}
			})
		}
		running.Wait()
	}
	return out, nil
}

// waveEnd is the first job behind the wave that begins with one: the wave is full there, or would meet it.
func (m Many) waveEnd(from int) (to int) {
	var claimed []string
	for to = from; to < min(from+m.AtOnce, len(m.Jobs)); to++ {
		claims := strings.Fields(m.Jobs[to].Claims)
		if Meet(claimed, claims) {
			break
		}
		claimed = append(claimed, claims...)
	}
	return to
}

// MostAtOnce is how many of the runs are on at once at the most, and the addresses for which some wait for each other
// though the machine carries more.
func (m Many) MostAtOnce() (most int, contended []string) {
	if m.AtOnce < 1 {
		return 0, nil
	}
	for from, to := 0, 0; from < len(m.Jobs); from = to {
		to = m.waveEnd(from)
		most = max(most, to-from)
		if to == len(m.Jobs) || to-from == m.AtOnce {
			continue
		}
		for _, j := range m.Jobs[from:to] { // what the next one met
			for _, address := range strings.Fields(j.Claims) {
				if Meet(strings.Fields(m.Jobs[to].Claims), []string{address}) && !slices.Contains(contended, address) {
					contended = append(contended, address)
				}
			}
		}
	}
	slices.Sort(contended)
	return most, contended
}

// one plays one of them.
func (m Many) one(ctx context.Context, j Job, up func() <-chan struct{}) Done {
	defer up()
	o := m.Options
	o.Scenario, o.up = j.Scenario, up
	if m.Follow != nil {
		o.Watch = func(p Progress) { m.Follow(j, p) }
	}
	began := time.Now()
	play := m.play
	if play == nil {
		play = Play
	}
	run, err := play(ctx, o)
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), errFailFast) {
		err = errFailFast
	}
	return Done{Job: j, Run: run, Err: err, Took: time.Since(began)}
}
