package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/scenario"
)

// MissingPrograms are commands of a scenario that are not installed here: bad input, as a problem.List too.
type MissingPrograms struct{ problem.List }

func (m MissingPrograms) Unwrap() error { return m.List }

// findPrograms finds commands that can't be started here: one without a slash is looked for in PATH, another one
// from the scenario's folder on.
func findPrograms(path string, s scenario.Scenario) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, fileScenario)
	}
	var out problem.List
	for _, v := range s.Services {
		if len(v.Command) == 0 || v.Image != "" {
			continue
		}
		program, where := v.Command[0], "PATH"
		if strings.Contains(program, "/") {
			where = s.Dir
			if !filepath.IsAbs(program) {
				program = filepath.Join(s.Dir, program)
			}
		}
		_, err := exec.LookPath(program)
		if err == nil {
			continue
		}
		what, hint := "is not there", "a name is looked for in PATH, a path with a slash from the scenario's folder on"
		if errors.Is(err, fs.ErrPermission) {
			what, hint = "is no program", "chmod +x "+program
		}
		out = append(out, problem.Problem{
			File: path, Line: v.CommandAt.Line, Column: v.CommandAt.Column, Field: v.CommandAt.Field,
			What: fmt.Sprintf("%q %s (looked for in %s)", v.Command[0], what, where), Hint: hint,
		})
	}
	if len(out) == 0 {
		return nil
	}
	return MissingPrograms{out}
}
