package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Judge reads a run's folder, judges it and writes verdict and reports into it. The same folder gives the same
// bytes, whenever and wherever that is done.
func Judge(dir string) (oracle.Verdict, error) {
	c, err := ReadCase(dir)
	if err != nil {
		return oracle.Verdict{}, err
	}
	v := oracle.Judge(c)
	in, err := ReportInput(dir, c, v)
	if err != nil {
		return v, err
	}
	return v, folder{dir}.write(map[string][]byte{
		fileVerdict:  report.JSON(v),
		fileJUnit:    report.JUnit(in),
		fileHTML:     report.HTML(in),
		fileMarkdown: report.Markdown(in),
	})
}

// ReadCase takes from a run's folder what a judgement rests on.
func ReadCase(dir string) (oracle.Case, error) {
	var c oracle.Case
	text, err := os.ReadFile(filepath.Join(dir, filePlan))
	if err != nil {
		return c, fmt.Errorf("read the run: %w", err)
	}
	if err := json.Unmarshal(text, &c.Plan); err != nil {
		return c, fmt.Errorf("read the run's plan: %w", err)
	}
	if c.Spec, err = readSpec(dir, c.Plan); err != nil {
		return c, err
	}
	file, err := os.Open(filepath.Join(dir, fileHistory))
	if err != nil {
		return c, fmt.Errorf("read the run: %w", err)
	}
	defer file.Close()
	c.History, err = history.Read(file)
	return c, err
}

// readSpec parses the spec that was saved with a run; nil where it has none.
func readSpec(dir string, plan scenario.Plan) (*resiliency.Spec, error) {
	path := filepath.Join(dir, fileSpec)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && plan.Scenario.Resiliency == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the run's spec: %w", err)
	}
	spec, problems := resiliency.Parse(path, text)
	if spec == nil {
		return nil, problems.Err()
	}
	return spec, nil
}

// ReportInput gathers what reports are made from.
func ReportInput(dir string, c oracle.Case, v oracle.Verdict) (report.Input, error) {
	in := Told(c, v)
	var err error
	if in.HistoryText, err = os.ReadFile(filepath.Join(dir, fileHistory)); err != nil {
		return in, fmt.Errorf("read the run: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, fileScenario))
	if err != nil {
		return in, fmt.Errorf("read the run: %w", err)
	}
	in.Scenario = string(text)
	if text, err := os.ReadFile(filepath.Join(dir, fileSidecarSpec)); err == nil {
		in.SidecarSpec = string(text)
	}
	return in, nil
}

// Told is what reports are made from where a run has no folder.
func Told(c oracle.Case, v oracle.Verdict) report.Input {
	in := report.Input{
		Verdict: v, Plan: c.Plan, History: c.History, Forecast: oracle.Foresee(c.Plan, c.Spec), Observed: oracle.Observe(c),
		Chart: oracle.Draw(c), Causes: oracle.Causes(c),
	}
	if c.Spec != nil {
		in.Spec = string(c.Spec.Raw)
	}
	return in
}
