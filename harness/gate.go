package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/halfopen/halfopen/harness/baseline"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
)

// ReadBaseline reads what was accepted. What is wrong with the file is a problem.List.
func ReadBaseline(path string) (baseline.Baseline, error) {
	text, err := readFile(path)
	if err != nil {
		return baseline.Baseline{}, unreadable(path, err, "halfopen baseline update RUN… writes one")
	}
	return baseline.Parse(path, text)
}

// Accept takes into a baseline what passed runs showed. A run that did not pass is a problem: nothing is accepted then.
func Accept(b *baseline.Baseline, dirs []string) error {
	groups, err := gather(dirs)
	if err != nil {
		return err
	}
	var problems problem.List
	for _, g := range groups {
		a := baseline.Accepted{Key: g.Key, ScenarioSHA256: g.ScenarioSHA256, SpecSHA256: g.SpecSHA256}
		for _, v := range g.Runs {
			if v.Outcome != oracle.Pass {
				problems = append(problems, problem.Problem{
					File: v.Run, What: fmt.Sprintf("its verdict is %s: %s", v.Outcome, firstOf(v.Why)), Hint: "accept runs that keep all promises",
				})
			}
			a.Runs = append(a.Runs, baseline.Of(v))
		}
		if len(a.Runs) > baseline.MostRuns {
			problems = append(problems, problem.Problem{File: g.String(), What: fmt.Sprintf("%d runs", len(a.Runs)), Hint: fmt.Sprintf("at most %d are kept", baseline.MostRuns)})
		}
		b.Accept(a)
	}
	return problems.Err()
}

func firstOf(why []string) string {
	if len(why) == 0 {
		return "no reason is told"
	}
	return why[0]
}

// A Compared is runs of one scenario in one environment, held against what was accepted.
type Compared struct {
	baseline.Key
	Dirs       []string
	Comparison baseline.Comparison
}

// Compare holds saved runs against a baseline. Each run's folder gets what its comparison rests on, and is judged
// anew, so that halfopen check gives the same verdict later. more is how many other figures the same gate compares.
func Compare(b baseline.Baseline, dirs []string, more int) ([]Compared, error) {
	groups, err := gather(dirs)
	if err != nil {
		return nil, err
	}
	family := more
	for _, g := range groups {
		if a := b.For(g.Key); a != nil {
			family += a.Family()
		}
	}
	var out []Compared
	for _, g := range groups {
		c := Compared{Key: g.Key, Dirs: g.dirs, Comparison: b.Compare(g.Group, family)}
		text, err := json.MarshalIndent(c.Comparison, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("save the comparison: %w", err)
		}
		for _, dir := range g.dirs {
			if err := (folder{dir}).write(map[string][]byte{fileComparison: append(text, '\n')}); err != nil {
				return nil, fmt.Errorf("save the comparison: %w", err)
			}
			if _, err := Judge(dir); err != nil {
				return nil, err
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// A group is runs that can be compared with each other, and where they lie.
type group struct {
	baseline.Group
	dirs []string
}

// gather judges runs by their own histories and groups them.
func gather(dirs []string) ([]group, error) {
	var out []group
	at := map[baseline.Key]int{}
	for _, dir := range dirs {
		c, err := ReadCase(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		h := c.History.Header
		k := baseline.Key{Scenario: c.Plan.Scenario.Name, Env: h.Env, Sidecar: h.Sidecar}
		i, known := at[k]
		if !known {
			i, at[k] = len(out), len(out)
			out = append(out, group{Group: baseline.Group{Key: k, ScenarioSHA256: h.ScenarioSHA256, SpecSHA256: h.SpecSHA256}})
		}
		out[i].Runs, out[i].dirs = append(out[i].Runs, oracle.Judge(c)), append(out[i].dirs, dir)
	}
	return out, nil
}

// compared adds to a run's verdict what its comparison with a baseline says, where one was saved with it.
func compared(dir string, c oracle.Case, v oracle.Verdict) (oracle.Verdict, error) {
	text, err := os.ReadFile(filepath.Join(dir, fileComparison))
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return v, fmt.Errorf("read the run's comparison: %w", err)
	}
	var saved baseline.Comparison
	if err := json.Unmarshal(text, &saved); err != nil {
		return v, fmt.Errorf("read the run's comparison: %w", err)
	}
	r, differences := saved.Judge()
	r.Severity = c.Plan.Scenario.Expect.Severity[r.Check]
	return v.With(r, differences), nil
}
