package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/scenario"
)

// pretend is a run of a second of bring-up and so many of load, with an outcome.
func pretend(load time.Duration, outcome oracle.Outcome) func(context.Context, Options) (*Run, error) {
	return func(ctx context.Context, o Options) (*Run, error) {
		run := &Run{Verdict: oracle.Verdict{Outcome: outcome}}
		for _, d := range []time.Duration{time.Second, load} {
			select {
			case <-ctx.Done():
				run.Verdict.Outcome = oracle.Unknown
				return run, context.Cause(ctx)
			case <-time.After(d):
			}
			o.up()
		}
		return run, nil
	}
}

func jobs(n int) []Job {
	var out []Job
	for i := range n {
		out = append(out, Job{Scenario: fmt.Sprint(i), Name: fmt.Sprint(i), Nth: 1})
	}
	return out
}

func TestNeverMoreRunsAtOnceThanTheMachineCarries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var told []string
		done, err := PlayMany(t.Context(), Many{Jobs: jobs(5), AtOnce: 2, Tell: func(d Done) { told = append(told, d.Name) }, play: pretend(2*time.Second, oracle.Pass)})
		require.NoError(t, err)
		require.Equal(t, 9*time.Second, time.Since(began), "three waves")
		require.Len(t, told, 5)
		for i, d := range done {
			require.Equal(t, fmt.Sprint(i), d.Name, "in the order of the jobs")
			require.Equal(t, 3*time.Second, d.Took)
			require.Zero(t, d.Exit())
		}
	})
	_, err := PlayMany(t.Context(), Many{Jobs: jobs(1)})
	require.ErrorContains(t, err, "want one at least")
}

// Runs that listen on the same address wait for each other, however many the machine carries.
func TestRunsThatClaimTheSameAddressAreNotOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := jobs(4)
		all[1].Claims, all[2].Claims = "127.0.0.1:7000 127.0.0.1:7001", "127.0.0.1:7001"
		began := time.Now()
		done, err := PlayMany(t.Context(), Many{Jobs: all, AtOnce: 4, play: pretend(2*time.Second, oracle.Pass)})
		require.NoError(t, err)
		require.Len(t, done, 4)
		require.Equal(t, 6*time.Second, time.Since(began), "two waves")
	})
	all := jobs(5)
	for _, c := range []struct {
		claims    [5]string
		atOnce    int
		most      int
		contended []string
	}{
		{atOnce: 8, most: 5},
		{atOnce: 2, most: 2},
		{claims: [5]string{"a:1", "a:1", "a:1", "a:1", "a:1"}, atOnce: 8, most: 1, contended: []string{"a:1"}},
		{claims: [5]string{1: "a:1 b:2", 3: "b:2"}, atOnce: 8, most: 3, contended: []string{"b:2"}},
		{claims: [5]string{"a:1", "a:2", "a:3", "a:4", "a:5"}, atOnce: 8, most: 5},
		{claims: [5]string{"a:1", "", "a:1"}, atOnce: 2, most: 2}, // the wave was full before they could meet
	} {
		for i := range all {
			all[i].Claims = c.claims[i]
		}
		most, contended := Many{Jobs: all, AtOnce: c.atOnce}.MostAtOnce()
		require.Equal(t, c.most, most, "%v", c.claims)
		require.Equal(t, c.contended, contended, "%v", c.claims)
	}
	claims := Claims(scenario.Scenario{Services: []scenario.Service{{Name: "a", Port: 7000, Host: "127.0.0.1"}, {Name: "b", Port: 7001}}})
	require.Equal(t, []string{"127.0.0.1:7000"}, claims)
}

// The place of each run on its wave's stage is taken before the first of them can be up.
func TestARunOfAWaveWaitsForAllOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := PlayMany(t.Context(), Many{Jobs: jobs(3), AtOnce: 3, play: func(ctx context.Context, o Options) (*Run, error) {
			began := time.Now()
			if o.Scenario == "2" {
				time.Sleep(5 * time.Second)
			}
			if err := await(ctx, o.up()); err != nil {
				return nil, err
			}
			if time.Since(began) != 5*time.Second {
				return nil, errors.New("it did not wait for the slow one")
			}
			return &Run{Verdict: oracle.Verdict{Outcome: oracle.Pass}}, nil
		}, Tell: func(d Done) { require.NoError(t, d.Err) }})
		require.NoError(t, err)
	})
}

func TestAfterAFailureTheOthersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		done, err := PlayMany(t.Context(), Many{Jobs: jobs(4), AtOnce: 2, FailFast: true, play: func(ctx context.Context, o Options) (*Run, error) {
			if o.Scenario == "1" {
				return pretend(time.Second, oracle.Fail)(ctx, o)
			}
			return pretend(time.Hour, oracle.Pass)(ctx, o)
		}})
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Equal(t, []int{3, 1, 3, 3}, []int{done[0].Exit(), done[1].Exit(), done[2].Exit(), done[3].Exit()})
		require.ErrorIs(t, done[0].Err, errFailFast)
		require.ErrorIs(t, done[2].Err, ErrNotRun)
		sums, all := Sum(done)
		require.Equal(t, Summary{Scenario: "all", Runs: 4, Broken: 1, Unknown: 1, NotRun: 2, Slack: all.Slack}, all)
		require.Equal(t, Summary{Scenario: "0", Runs: 1, Unknown: 1, Slack: sums[0].Slack}, sums[0])
		require.Equal(t, Summary{Scenario: "1", Runs: 1, Broken: 1, Slack: sums[1].Slack}, sums[1])
		require.Equal(t, Summary{Scenario: "2", Runs: 1, NotRun: 1}, sums[2])
	})
}

func TestWithoutFailFastAllAreRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done, err := PlayMany(t.Context(), Many{Jobs: jobs(3), AtOnce: 1, play: pretend(time.Second, oracle.Fail)})
		require.NoError(t, err)
		for _, d := range done {
			require.Equal(t, 1, d.Exit())
		}
	})
}

func TestShardsAreAllRunsAndNoneTwice(t *testing.T) {
	all := jobs(7)
	seen := map[Job]int{}
	for i := range 3 {
		for _, j := range Shard(all, i+1, 3) {
			seen[j]++
		}
	}
	require.Len(t, seen, 7)
	for j, n := range seen {
		require.Equal(t, 1, n, j.Name)
	}
	require.Empty(t, Shard(all, 8, 8))
}

func TestJobsAreTheLongestFirstAndAllThatIsWrongIsTold(t *testing.T) {
	list, err := Jobs([]string{"../scenarios/flapping", "../scenarios/stop-order-processor"}, 2, Options{Env: "auto"})
	require.NoError(t, err)
	require.Len(t, list, 4)
	require.Equal(t, "stop-order-processor", list[0].Name)
	require.Equal(t, []int{1, 2}, []int{list[2].Nth, list[3].Nth})
	_, err = Jobs([]string{"testdata/bad/not-yaml", "../scenarios/flapping", "testdata/bad/an-empty-file"}, 1, Options{Env: "auto", SidecarResiliency: "testdata/bad/not-yaml/scenario.yaml"})
	var problems problem.List
	require.ErrorAs(t, err, &problems)
	require.Contains(t, err.Error(), "not-yaml")
	require.Contains(t, err.Error(), "an-empty-file")
	require.Equal(t, 2, strings.Count(err.Error(), "not-yaml"), "the sidecars' spec is told beside them")
}

func TestAMachineCarriesLessInContainersThanInProcesses(t *testing.T) {
	containers, why := Carries("container")
	processes, _ := Carries("process")
	require.Positive(t, containers)
	require.NotEmpty(t, why)
	require.LessOrEqual(t, containers, 16)
	require.LessOrEqual(t, containers, processes)
}
