package scenarios

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/harnesstest"
	"github.com/halfopen/halfopen/harness/oracle"
)

// A study is many runs of all scenarios, told in a report of its own.
type study struct {
	Format  string            `json:"format"` // halfopen-study/1
	Name    string            `json:"name"`
	Env     string            `json:"env"`
	Cores   int               `json:"cores"`
	AtOnce  int               `json:"at_once"`
	Busy    bool              `json:"busy"` // every core had other work meanwhile
	Took    time.Duration     `json:"took_ns"`
	All     harness.Summary   `json:"all"`
	Rows    []harness.Summary `json:"scenarios"`
	Unkept  []string          `json:"unkept"` // runs that were not kept, and why
	done    []harness.Done
	reports string
}

// TestSoak runs every scenario HALFOPEN_SOAK times while every core is otherwise busy: no promise may come out broken,
// and what can't be judged must be so for slack alone, in at most one run of fifty.
func TestSoak(t *testing.T) {
	runs, _ := strconv.Atoi(os.Getenv("HALFOPEN_SOAK"))
	if runs < 1 {
		t.Skip("skipped: make soak RUNS=20 runs it for about half an hour")
	}
	busy(t, 1)
	s := conduct(t, "soak", runs, 2, true)
	require.Zero(t, s.All.Broken, "broken promises:\n%s", strings.Join(s.Unkept, "\n"))
	for _, d := range s.done {
		require.NotNil(t, d.Run, "%s #%d: %v", d.Name, d.Nth, d.Err)
		require.NoError(t, d.Err, "%s #%d", d.Name, d.Nth)
		if d.Run.Verdict.Outcome == oracle.Unknown {
			require.True(t, d.Run.Verdict.ForSlackAlone(), "%s: %s", d.Run.Dir, strings.Join(d.Run.Verdict.Why, "\n"))
		}
	}
	require.LessOrEqual(t, s.All.Unknown*50, s.All.Runs, "too many runs could not be judged:\n%s", strings.Join(s.Unkept, "\n"))
}

// TestTiming runs every scenario while the machine has nothing else to do, few at once, and bounds how far gaps and
// open times are from the spec.
func TestTiming(t *testing.T) {
	runs, _ := strconv.Atoi(os.Getenv("HALFOPEN_TIMING"))
	if runs < 1 {
		t.Skip("skipped: make timing runs it for some minutes on an otherwise idle machine")
	}
	const median, p99 = 10 * time.Millisecond, 60 * time.Millisecond
	s := conduct(t, "timing", runs, 4, false)
	require.Zero(t, s.All.Broken, "broken promises:\n%s", strings.Join(s.Unkept, "\n"))
	for what, spread := range map[string]*oracle.Spread{"gaps": s.All.Gaps, "open times": s.All.Opens} {
		require.NotNil(t, spread, "no %s were seen", what)
		require.LessOrEqual(t, spread.Median, median, "median error of %s", what)
		require.LessOrEqual(t, spread.P99, p99, "99th percentile of the error of %s (is the machine idle?)", what)
	}
}

// conduct runs every scenario so many times, with an n-th of what the machine carries at once, and writes the report.
func conduct(t *testing.T, name string, runs, nth int, busy bool) study {
	binary := harnesstest.Binary(t)
	ground, err := harness.Choose(t.Context(), os.Getenv("HALFOPEN_ENV"), binary)
	require.NoError(t, err)
	files, err := filepath.Glob("*/scenario.yaml")
	require.NoError(t, err)
	var dirs []string
	for _, file := range files {
		dirs = append(dirs, filepath.Dir(file))
	}
	jobs, err := harness.Jobs(dirs, runs, harness.Options{Env: ground.Name})
	require.NoError(t, err)
	require.NotEmpty(t, jobs)
	carries, why := harness.Carries(ground.Name)
	s := study{
		Format: "halfopen-study/1", Name: name, Env: ground.Name, Cores: runtime.NumCPU(), AtOnce: max(1, carries/nth), Busy: busy,
		reports: filepath.Join("..", "reports", name+"-"+time.Now().Format("20060102-150405")),
	}
	t.Logf("%d runs in %s environment (%s), %d at once (it carries %d: %s), report in %s", len(jobs), ground.Name, ground.Why, s.AtOnce, carries, why, s.reports)
	began := time.Now()
	over := 0
	s.done, err = harness.PlayMany(t.Context(), harness.Many{
		Options: harness.Options{Env: ground.Name, Binary: ground.Binary, Reports: filepath.Join(s.reports, "runs")},
		Jobs:    jobs, AtOnce: s.AtOnce,
		Tell: func(d harness.Done) {
			if over++; over%s.AtOnce == 0 || d.Exit() != 0 {
				t.Logf("%s: %d of %d over; %s #%d exit %d", time.Since(began).Round(time.Second), over, len(jobs), d.Name, d.Nth, d.Exit())
			}
		},
	})
	require.NoError(t, err)
	s.Took = time.Since(began)
	s.Rows, s.All = harness.Sum(s.done)
	s.write(t)
	return s
}

// write saves the report and keeps the folders of those runs that people will want to look at.
func (s *study) write(t *testing.T) {
	s.Unkept = []string{}
	for _, d := range s.done {
		switch {
		case d.Run == nil:
			s.Unkept = append(s.Unkept, fmt.Sprintf("%s #%d: %v", d.Name, d.Nth, d.Err))
		case d.Exit() != 0:
			s.Unkept = append(s.Unkept, fmt.Sprintf("%s: %s: %s", filepath.Base(d.Run.Dir), d.Run.Verdict.Outcome, strings.Join(d.Run.Verdict.Why, "; ")))
		default:
			require.NoError(t, os.RemoveAll(d.Run.Dir))
		}
	}
	var b strings.Builder
	load := "an otherwise idle machine"
	if s.Busy {
		load = "a machine whose every core had other work"
	}
	fmt.Fprintf(&b, "# %s: %d runs, %d kept, %d broken, %d unknown\n\nIn %s environment on %d cores, at most %d at once, on %s; it took %s.\n\n",
		s.Name, s.All.Runs, s.All.Kept, s.All.Broken, s.All.Unknown, s.Env, s.Cores, s.AtOnce, load, s.Took.Round(time.Second))
	b.WriteString(harness.SumMarkdown(append(s.Rows[:len(s.Rows):len(s.Rows)], s.All)))
	for _, line := range s.Unkept {
		fmt.Fprintf(&b, "\n- %s", line)
	}
	b.WriteString("\n")
	t.Log("\n" + b.String())
	text, err := json.MarshalIndent(s, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.reports, s.Name+".md"), []byte(b.String()), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(s.reports, s.Name+".json"), append(text, '\n'), 0o644))
}

func TestOnlySlackIsSlack(t *testing.T) {
	doubt := func(why string) oracle.Result { return oracle.Result{Applies: true, Outcome: oracle.Unknown, Why: why} }
	late := doubt("slack: the machine was late by 300ms, more than 20 % of the promised 500ms")
	for name, c := range map[string]struct {
		v    oracle.Verdict
		want bool
	}{
		"late":               {oracle.Verdict{Results: []oracle.Result{late, {Applies: true, Outcome: oracle.Pass}}}, true},
		"late_and_no_effect": {oracle.Verdict{Results: []oracle.Result{late, doubt("nothing crossed a->b")}}, false},
		"no_doubt":           {oracle.Verdict{}, false},
		"a_flaw":             {oracle.Verdict{Results: []oracle.Result{late}, Why: []string{"history: it is truncated"}}, false},
	} {
		require.Equal(t, c.want, c.v.ForSlackAlone(), name)
	}
}
