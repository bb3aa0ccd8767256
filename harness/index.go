package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// fileIndex is the page over all runs of a folder.
const fileIndex = "index.html"

// Index writes a page over runs into the folder below which they lie, and gives its path; over all runs there where
// none is named. It reads their verdicts and judges nothing.
func Index(reports string, runs ...string) (string, error) {
	if len(runs) == 0 {
		found, err := filepath.Glob(filepath.Join(reports, "*", fileVerdict))
		if err != nil {
			return "", fmt.Errorf("find runs below %s: %w", reports, err)
		}
		if len(found) == 0 {
			return "", fmt.Errorf("no run with a verdict lies below %s", reports)
		}
		for _, f := range found {
			runs = append(runs, filepath.Dir(f))
		}
	}
	base, err := filepath.Abs(reports)
	if err != nil {
		return "", fmt.Errorf("write the index: %w", err)
	}
	var entries []report.Entry
	for _, run := range runs {
		text, err := os.ReadFile(filepath.Join(run, fileVerdict))
		if err != nil {
			return "", fmt.Errorf("read a run's verdict: %w", err)
		}
		var v oracle.Verdict
		if err := json.Unmarshal(text, &v); err != nil {
			return "", fmt.Errorf("read %s: %w", filepath.Join(run, fileVerdict), err)
		}
		whole, err := filepath.Abs(run)
		if err != nil {
			return "", fmt.Errorf("write the index: %w", err)
		}
		dir, err := filepath.Rel(base, whole)
		if err != nil {
			return "", fmt.Errorf("write the index: %w", err)
		}
		entries = append(entries, report.Entry{Dir: filepath.ToSlash(dir), Verdict: v})
	}
	path := filepath.Join(reports, fileIndex)
	return path, os.WriteFile(path, report.Index(entries), 0o644)
}
