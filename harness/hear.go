package harness

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/testimony"
)

// Testimony says which files tell of a time that halfopen did not watch.
type Testimony struct {
	Logs           []string // of sidecars
	Timeline       string   // of a whole run: sidecars, apps and driver
	Resiliency     string   // the callers' spec; "" where they had none
	Caller, Target string   // app ids; checkout and order-processor by default
}

// Hear judges what files tell. A spec that daprd would not load is bad input, unless they tell that it did not.
func Hear(t Testimony) (oracle.Verdict, error) {
	spec, refused, err := t.spec()
	h, herr := t.history()
	var problems problem.List
	switch {
	case errors.As(herr, &problems):
		err = together(err, problems)
	case err == nil:
		err = herr
	}
	if err != nil {
		return oracle.Verdict{}, err
	}
	v := oracle.Hear(spec, h, t.Caller, t.Target)
	told := slices.ContainsFunc(v.Results, func(r oracle.Result) bool {
		return r.Check == "policy-loaded" && r.Outcome == oracle.Fail
	})
	if spec != nil && spec.Broken && !told {
		return v, refused.Err() // nothing tells that daprd said so: it can't be the spec that was in force
	}
	return v, nil
}

// spec reads the callers' spec, and what daprd would refuse in it.
func (t Testimony) spec() (*resiliency.Spec, problem.List, error) {
	if t.Resiliency == "" {
		return nil, nil, nil
	}
	text, err := readFile(t.Resiliency)
	if err != nil {
		return nil, nil, unreadable(t.Resiliency, err, "--resiliency FILE: the spec that the calling sidecar had")
	}
	spec, problems := resiliency.Parse(t.Resiliency, text)
	if spec == nil {
		return nil, nil, problems.Err()
	}
	return spec, problems, nil
}

// history reads all files. What can't be read of any is told at once.
func (t Testimony) history() (*history.History, error) {
	var problems problem.List
	open := func(name, hint string) *os.File {
		file, err := openFile(name)
		if err != nil {
			problems = append(problems, unreadable(name, err, hint)...)
		}
		return file
	}
	var h *history.History
	var err error
	if t.Timeline != "" {
		if file := open(t.Timeline, "--timeline FILE: a line an event, of seconds, source and text"); file != nil {
			defer file.Close()
			if h, err = testimony.Timeline(t.Timeline, file, t.Caller, t.Target); err != nil {
				err = fmt.Errorf("read the timeline: %w", err)
			}
		}
		return h, together(err, problems)
	}
	var logs []testimony.Log
	for _, name := range t.Logs {
		if file := open(name, "--logs FILE: what a sidecar printed, by kubectl logs or dapr run"); file != nil {
			defer file.Close()
			logs = append(logs, testimony.Log{Name: name, Reader: file})
		}
	}
	if h, err = testimony.Logs(logs, t.Caller); err != nil {
		err = fmt.Errorf("read the logs: %w", err)
	}
	return h, together(err, problems)
}

// openFile opens what is no folder.
func openFile(name string) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, errIsFolder
	}
	return os.Open(name)
}
