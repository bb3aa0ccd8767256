package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Judge reads a run's folder, judges it and writes verdict and reports into it. The same folder gives the same
// bytes, whenever and wherever that is done.
func Judge(dir string) (oracle.Verdict, error) {
	in, err := Read(dir)
	if err != nil {
		return in.Verdict, err
	}
	v := in.Verdict
	return v, folder{dir}.write(map[string][]byte{
		fileVerdict:  report.JSON(v),
		fileJUnit:    report.JUnit(in),
		fileHTML:     report.HTML(in),
		fileMarkdown: report.Markdown(in),
	})
}

// Read reads a run's folder and judges it, with what it was compared with.
func Read(dir string) (report.Input, error) {
	c, err := ReadCase(dir)
	if err != nil {
		return report.Input{}, err
	}
	v, err := compared(dir, c, oracle.Judge(c))
	if err != nil {
		return report.Input{}, err
	}
	return ReportInput(dir, c, v)
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
	in := report.Input{Verdict: v, Plan: c.Plan, History: c.History, Forecast: oracle.Foresee(c.Plan, c.Spec), Observed: oracle.Observe(c)}
	text, err := os.ReadFile(filepath.Join(dir, fileScenario))
	if err != nil {
		return in, fmt.Errorf("read the run: %w", err)
	}
	in.Scenario = string(text)
	if c.Spec != nil {
		in.Spec = string(c.Spec.Raw)
	}
	if text, err := os.ReadFile(filepath.Join(dir, fileSidecarSpec)); err == nil {
		in.SidecarSpec = string(text)
	}
	in.Places = places(c, in)
	return in, nil
}

// places finds the lines of the promises, in the files as they were.
func places(c oracle.Case, in report.Input) map[string]report.Place {
	out := map[string]report.Place{}
	for _, check := range oracle.CheckNames() {
		at, s := oracle.Promised(c, check), c.Plan.Scenario
		p := report.Place{File: s.File, Line: document.Line([]byte(in.Scenario), at.Path...)}
		if at.Spec {
			p = report.Place{File: filepath.Join(s.Dir, s.Resiliency), Line: document.Line([]byte(in.Spec), at.Path...)}
		}
		if p.Line > 0 {
			out[check] = p
		}
	}
	return out
}
