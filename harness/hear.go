package harness

import (
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
	spec, problems, err := t.spec()
	if err != nil {
		return oracle.Verdict{}, err
	}
	h, err := t.history()
	if err != nil {
		return oracle.Verdict{}, err
	}
	v := oracle.Hear(spec, h, t.Caller, t.Target)
	refused := slices.ContainsFunc(v.Results, func(r oracle.Result) bool {
		return r.Check == "policy-loaded" && r.Outcome == oracle.Fail
	})
	if spec != nil && spec.Broken && !refused {
		return v, problems.Err() // nothing tells that daprd said so: it can't be the spec that was in force
	}
	return v, nil
}

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

func (t Testimony) history() (*history.History, error) {
	if t.Timeline != "" {
		file, err := os.Open(t.Timeline)
		if err != nil {
			return nil, unreadable(t.Timeline, err, "a timeline has a line an event: seconds, source and text")
		}
		defer file.Close()
		h, err := testimony.Timeline(t.Timeline, file, t.Caller, t.Target)
		if err != nil {
			return nil, fmt.Errorf("read the timeline: %w", err)
		}
		return h, nil
	}
	var logs []testimony.Log
	for _, name := range t.Logs {
		file, err := os.Open(name)
		if err != nil {
			return nil, unreadable(name, err, "--logs FILE: what a sidecar printed, by kubectl logs or dapr run")
		}
		defer file.Close()
		logs = append(logs, testimony.Log{Name: name, Reader: file})
	}
	h, err := testimony.Logs(logs, t.Caller)
	if err != nil {
		return nil, fmt.Errorf("read the logs: %w", err)
	}
	return h, nil
}
