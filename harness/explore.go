package harness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halfopen/halfopen/harness/explore"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
)

// Explore sweeps a spec's forecast. Spans that the question leaves empty are taken from the spec's own times. What is
// wrong with spec and question comes at once, as a problem.List.
func Explore(ctx context.Context, file string, q explore.Question) (explore.Result, error) {
	problems := exploreProblems(q)
	spec, more := specFor(file, q)
	if problems = slices.Concat(problems, more, outage(file, q).misnamed(spec)); len(problems) > 0 {
		return explore.Result{}, problems
	}
	return sweep(ctx, q.WithDefaults(spec), spec)
}

// ExploreEdit sweeps two specs over the same cases.
func ExploreEdit(ctx context.Context, was, is string, q explore.Question) (explore.Comparison, error) {
	problems := exploreProblems(q)
	old, more := specFor(was, q)
	edited, still := specFor(is, q)
	problems = slices.Concat(problems, more, still)
	if astray := outage(is, q).misnamed(edited); len(outage(was, q).misnamed(old)) > 0 { // else the edit is about just that
		problems = append(problems, astray...)
	}
	if len(problems) > 0 {
		return explore.Comparison{}, problems
	}
	q = q.WithDefaults(old, edited)
	before, err := sweep(ctx, q, old)
	if err != nil {
		return explore.Comparison{}, err
	}
	after, err := sweep(ctx, q, edited)
	if err != nil {
		return explore.Comparison{}, err
	}
	return explore.Compare(before, after), nil
}

// sweep plays all cases on all cores. Each case is drawn by its number, so how they are shared out changes nothing.
func sweep(ctx context.Context, q explore.Question, spec *resiliency.Spec) (explore.Result, error) {
	const chunk = 256
	samples := make([]explore.Sample, q.Cases)
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			s := explore.NewSweeper(q, spec)
			for ctx.Err() == nil {
				n := int(next.Add(chunk)) - chunk
				if n >= len(samples) {
					return
				}
				s.Sweep(samples[n:min(n+chunk, len(samples))], n)
			}
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return explore.Result{}, fmt.Errorf("explore: %w", err)
	}
	return explore.NewSweeper(q, spec).Find(samples), nil
}

func outage(file string, q explore.Question) Outage {
	return Outage{Spec: file, Target: q.Target, Caller: q.Caller}
}

// specFor reads a spec that has to apply to a caller.
func specFor(file string, q explore.Question) (*resiliency.Spec, problem.List) {
	text, err := readFile(file)
	if err != nil {
		return nil, unreadable(file, err, "the path of a Resiliency spec")
	}
	spec, problems := resiliency.Parse(file, text)
	return spec, append(problems, outage(file, q).outOfScope(spec)...)
}

// exploreProblems says what is wrong with a question; empty spans are none.
func exploreProblems(q explore.Question) (out problem.List) {
	bad := func(field, what, hint string) {
		out = append(out, problem.Problem{File: "command line", Field: field, What: what, Hint: hint})
	}
	const longest = time.Hour
	for _, s := range []struct {
		flag, hint string
		explore.Span
	}{{"--outage", "--outage 1s..2m", q.Outage}, {"--every", "--every 200ms..5s", q.Every}, {"--latency", "--latency 10ms..3s", q.Latency}} {
		if s.Span != (explore.Span{}) && (s.Lo < time.Millisecond || s.Hi > longest || s.Hi < s.Lo) {
			bad(s.flag, s.String()+" is no span from 1ms to 1h", s.hint)
		}
	}
	twoApps(q.Target, q.Caller, bad)
	for _, f := range q.Faults {
		if !slices.Contains(explore.Kinds(), f) {
			bad("--fault", fmt.Sprintf("%q is none that is swept", f), strings.Join(explore.Kinds(), ", "))
		}
	}
	if c := q.Callers; c != (explore.Range{}) && (c.Lo < 1 || c.Hi < c.Lo || c.Hi > explore.MostCallers) {
		bad("--callers", fmt.Sprintf("%d to %d callers", c.Lo, c.Hi), fmt.Sprintf("1 to %d: --callers 1..8", explore.MostCallers))
	}
	if r := q.Ratio; r != (explore.Share{}) && !(r.Lo > 0 && r.Lo <= r.Hi && r.Hi <= 1) {
		bad("--ratio", fmt.Sprintf("%g to %g is no share of requests", r.Lo, r.Hi), "above 0 and at most 1: --ratio 0.1..0.9")
	}
	if q.Timeout < 0 {
		bad("--timeout", q.Timeout.String()+" is negative", "leave it out for none")
	}
	if q.Cases < 1 || q.Cases > explore.MostCases {
		bad("--cases", fmt.Sprintf("%d cases", q.Cases), fmt.Sprintf("1 to %d: --cases 50000", explore.MostCases))
	}
	if q.Apart < 0 {
		bad("--apart", q.Apart.String()+" is negative", "--apart 100ms")
	}
	return out
}

// Files of an exploration's folder, besides a folder a scenario.
const (
	fileCases   = "cases.csv"
	fileExplore = "explore.html"
)

// MakeExploration makes the folder of an exploration. A NotStarted error says why it can't be written to.
func MakeExploration(dir string) error { return makeFolder(dir, "the folder of what is explored") }

// WriteExploration writes cases, page and scenarios into a folder, and gives the scenarios' folders.
func WriteExploration(dir, spec string, r explore.Result) ([]string, error) {
	text, err := readFile(spec)
	if err != nil {
		return nil, fmt.Errorf("read the spec: %w", err)
	}
	var cases bytes.Buffer
	if err := explore.WriteCSV(&cases, r); err != nil {
		return nil, fmt.Errorf("write the cases: %w", err)
	}
	files := map[string][]byte{fileCases: cases.Bytes(), fileExplore: explore.HTML(r)}
	var scenarios []string
	for _, w := range r.Worst {
		name, scenario, _ := r.Scenario(w)
		files[filepath.Join(name, fileScenario)] = scenario
		files[filepath.Join(name, fileSpec)] = text
		scenarios = append(scenarios, filepath.Join(dir, name))
	}
	var errs []error
	for name, text := range files {
		path := filepath.Join(dir, name)
		errs = append(errs, cmp.Or(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)))
	}
	return scenarios, errors.Join(errs...)
}
