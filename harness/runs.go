package harness

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/halfopen/halfopen/harness/problem"
)

// besideRuns are files that halfopen writes beside runs, so that accepted/* names them too.
var besideRuns = []string{fileIndex, fileComparison}

// Runs gives the folders of saved runs that some paths name, in their order: a run's own, and for a folder of runs all
// of them. Files that halfopen itself writes beside runs are passed over. What names no run is a problem.List.
func Runs(paths ...string) ([]string, error) {
	var out []string
	var problems problem.List
	for _, path := range paths {
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && slices.Contains(besideRuns, filepath.Base(path)) {
			continue
		}
		found := runsIn(path)
		switch {
		case err != nil:
			problems = append(problems, unreadable(path, err, whereRunsAre)...)
		case len(found) == 0:
			problems = append(problems, problem.Problem{File: path, What: "no run: no " + filePlan + " lies in it, or in a folder in it", Hint: whereRunsAre})
		}
		out = append(out, found...)
	}
	if len(out) == 0 && len(problems) == 0 {
		problems = problem.List{{File: filepath.Dir(paths[0]), What: "no run lies here", Hint: whereRunsAre}}
	}
	return out, problems.Err()
}

const whereRunsAre = "each run's folder lies below what run --reports names, reports/ by default"

// runsIn gives a run's own folder, or those of the runs in a folder.
func runsIn(path string) []string {
	if _, err := os.Stat(filepath.Join(path, filePlan)); err == nil {
		return []string{path}
	}
	entries, _ := os.ReadDir(path)
	var out []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(path, e.Name(), filePlan)); err == nil {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	return out
}
