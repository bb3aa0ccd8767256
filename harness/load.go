package harness

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Load reads a scenario (its folder, or its file) and its spec. All that is wrong with both comes at once, as a
// problem.List. A spec that daprd would swallow is a problem too, unless the scenario expects the check
// policy-loaded to fail. The spec is nil where the scenario has none.
func Load(path string) (scenario.Scenario, *resiliency.Spec, error) {
	info, err := os.Stat(path)
	if err != nil {
		return scenario.Scenario{}, nil, unreadable(path, err, "halfopen list shows what is there")
	}
	if info.IsDir() {
		path = filepath.Join(path, fileScenario)
	}
	text, err := readFile(path)
	if err != nil {
		return scenario.Scenario{}, nil, unreadable(path, err, "a scenario is a folder with a scenario.yaml")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return scenario.Scenario{}, nil, err
	}
	s, problems := scenario.Parse(absolute, text)
	for i := range problems {
		problems[i].File = path
	}
	spec, more := loadSpec(path, s)
	problems = append(problems, more...)
	problems = append(problems, checks(path, s)...)
	if len(problems) == 0 {
		problems = inVain(path, s, spec)
	}
	return s, spec, problems.Err()
}

// checks finds names of checks that nobody knows, and controls that would be mere warnings.
func checks(path string, s scenario.Scenario) problem.List {
	var out problem.List
	known := oracle.CheckNames()
	for _, name := range slices.Sorted(maps.Keys(s.Expect.Named)) {
		at := s.Expect.Named[name]
		p := problem.Problem{File: path, Line: at.Line, Column: at.Column, Field: at.Field}
		switch {
		case !slices.Contains(known, name):
			p.What, p.Hint = fmt.Sprintf("no check %q", name), "there are: "+strings.Join(known, ", ")
			if near := document.Nearest(name, known); near != "" {
				p.Hint = fmt.Sprintf("did you mean %s?", near)
			}
		case s.Expect.Severity[name] == oracle.Warn && slices.Contains(oracle.Controls(), name):
			p.What, p.Hint = name+" can't be a warning: without it the run shows nothing", "remove it"
		default:
			continue
		}
		out = append(out, p)
	}
	return out
}

// inVain finds waits for what the spec in force never lets happen.
func inVain(path string, s scenario.Scenario, spec *resiliency.Spec) problem.List {
	var out problem.List
	for i, step := range s.Timeline {
		if step.Wait == nil || step.Wait.Opened == "" {
			continue
		}
		c := s.Service(step.Wait.Opened)
		if p := spec.For(c.Name, c.Sends.To); p.Breaker == nil {
			out = append(out, problem.Problem{
				File: path, Line: step.Line, Field: fmt.Sprintf("timeline[%d].wait.opened", i),
				What: fmt.Sprintf("%s has no breaker for %s: no wait will see it open (in force: %s)", c.Name, c.Sends.To, p.Why),
				Hint: "does targets.apps in the spec name " + c.Sends.To + ", and its circuitBreaker?",
			})
		}
	}
	return out
}

// maxFileBytes bounds what is read of a file: a bit more than any reader takes, so that it can say so.
const maxFileBytes = 2 << 20

var errIsFolder = errors.New("it is a folder")

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errIsFolder
	case info.Size() > maxFileBytes:
		return nil, fmt.Errorf("%d bytes are too many", info.Size())
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1)) // a pipe or a device tells no size
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("more than %d bytes are too many", maxFileBytes)
	}
	return text, err
}

func unreadable(path string, err error, hint string) problem.List {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	return problem.List{{File: path, What: "can't be read: " + err.Error(), Hint: hint}}
}

// together adds further problems to those that an error holds; an error of another kind goes before.
func together(err error, more problem.List) error {
	var problems problem.List
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	return append(slices.Clip(problems), more...).Err()
}

// loadSpec reads the spec that a scenario names.
func loadSpec(file string, s scenario.Scenario) (*resiliency.Spec, problem.List) {
	if s.Resiliency == "" {
		return nil, nil
	}
	path := filepath.Join(filepath.Dir(file), s.Resiliency)
	text, err := readFile(path)
	if err != nil {
		var perr *fs.PathError
		if errors.As(err, &perr) {
			err = perr.Err
		}
		return nil, problem.List{{
			File: file, Line: s.ResiliencyAt.Line, Column: s.ResiliencyAt.Column, Field: s.ResiliencyAt.Field,
			What: fmt.Sprintf("%s can't be read: %v", path, err), Hint: "the path is relative to the scenario's folder",
		}}
	}
	spec, problems := resiliency.Parse(path, text)
	if spec != nil && (s.Expect.SpecErrors || slices.Contains(s.Expect.Checks, "policy-loaded")) {
		return spec, nil
	}
	return spec, problems
}
