package harness

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/lint"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Lint asks what in some specs will not do what it says.
type Lint struct {
	Paths         []string // files and folders; - is In
	In            io.Reader
	Scenario      string        // whose callers, timeouts and paths are known; "" for none
	ClientTimeout time.Duration // how long callers wait; 0 where that isn't known
	CalledPaths   int           // how many paths of one app are called; 0 where that isn't known
	DaprVersion   string        // the daprd that will read the specs; "" for the newest
	Kubernetes    bool          // the files are for kubectl, which applies all documents of each
}

// LintSpecs reads all specs and applies all rules. What is wrong with the question itself is a problem.List. A file that
// can't be read is in the report, and so is a question about nothing: no Resiliency resource in any of the files.
func LintSpecs(l Lint) (lint.Report, error) {
	o, problems := l.options()
	sources, unread := l.sources()
	if len(problems) > 0 {
		return lint.Report{}, problems
	}
	report := lint.Check(sources, o)
	report.Files += len(unread)
	report.Unread = append(unread, report.Unread...)
	if report.Resources == 0 && len(report.Unread) == 0 {
		none := problem.Problem{File: strings.Join(l.Paths, ", "), What: fmt.Sprintf("no Resiliency resource in %d YAML files", report.Files), Hint: "is this the folder you mean?"}
		switch {
		case len(sources) == 1 && sources[0].Named:
			none.What, none.Hint = "no Resiliency resource in it", "is this the file you mean?"
		case report.Files == 1:
			none.What = "no Resiliency resource in 1 YAML file"
		}
		report.Unread = problem.List{none}
	}
	return report, nil
}

func (l Lint) options() (o lint.Options, problems problem.List) {
	bad := func(field, what, hint string) {
		problems = append(problems, problem.Problem{File: "command line", Field: field, What: what, Hint: hint})
	}
	o = lint.Options{ClientTimeout: l.ClientTimeout, Paths: l.CalledPaths, Kubernetes: l.Kubernetes}
	if l.ClientTimeout < 0 {
		bad("--client-timeout", l.ClientTimeout.String()+" is negative", "--client-timeout 10s")
	}
	if l.CalledPaths < 0 {
		bad("--paths", fmt.Sprintf("%d paths", l.CalledPaths), "--paths 120")
	}
	if l.DaprVersion != "" {
		v, err := lint.ParseVersion(l.DaprVersion)
		if err != nil {
			bad("--dapr-version", err.Error(), "--dapr-version 1.14")
		}
		o.Dapr = v
	}
	if l.Scenario != "" {
		s, err := readScenario(l.Scenario)
		var more problem.List
		if errors.As(err, &more) {
			problems = append(problems, more...)
		}
		o.Scenario = &s
	}
	return o, problems
}

// readScenario reads a scenario without its spec.
func readScenario(path string) (scenario.Scenario, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, fileScenario)
	}
	text, err := readFile(path)
	if err != nil {
		return scenario.Scenario{}, unreadable(path, err, "a scenario is a folder with a scenario.yaml")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return scenario.Scenario{}, err
	}
	s, problems := scenario.Parse(absolute, text)
	for i := range problems {
		problems[i].File = path
	}
	return s, problems.Err()
}

// sources reads all files, those of folders in the order of their names.
func (l Lint) sources() (out []lint.Source, unread problem.List) {
	seen := map[string]bool{}
	add := func(path string, named bool) {
		if seen[path] {
			return
		}
		seen[path] = true
		text, err := readFile(path)
		if err != nil {
			unread = append(unread, unreadable(path, err, "")...)
			return
		}
		out = append(out, lint.Source{Name: path, Data: text, Named: named})
	}
	for _, path := range l.Paths {
		if path == "-" {
			text, err := io.ReadAll(io.LimitReader(l.In, maxFileBytes))
			if err != nil {
				unread = append(unread, problem.Problem{File: "-", What: "can't be read: " + err.Error()})
				continue
			}
			out = append(out, lint.Source{Name: "stdin", Data: text, Named: true})
			continue
		}
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			add(filepath.Clean(path), true)
			continue
		}
		unread = append(unread, walkYAML(path, func(path string) { add(path, false) })...)
	}
	return out, unread
}

// walkYAML gives each YAML file below a folder; what begins with a dot is passed over, and so are the packages of
// Node.
func walkYAML(root string, give func(path string)) (unread problem.List) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		hidden := path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules")
		switch {
		case err != nil:
			unread = append(unread, unreadable(path, err, "")...)
		case d.IsDir() && hidden:
			return fs.SkipDir
		case d.Type().IsRegular() && !hidden && isYAML(path):
			give(path)
		}
		return nil
	})
	return unread
}

func isYAML(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".yaml" || ext == ".yml"
}

// LintScenario gives what lint has to say of a scenario's spec, with what the scenario knows of the callers. There is
// nothing where the scenario or its spec can't be read: who runs it will hear that anyway.
func LintScenario(path string) lint.Report {
	s, err := readScenario(path)
	if err != nil || s.Resiliency == "" {
		return lint.Report{}
	}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		path = filepath.Dir(path)
	}
	spec := filepath.Join(path, s.Resiliency)
	text, err := readFile(spec)
	if err != nil {
		return lint.Report{}
	}
	return lint.Check([]lint.Source{{Name: spec, Data: text}}, lint.Options{Scenario: &s})
}
