package main

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A workflow is what is known of the file; any other field is an error, since it would not be exercised.
type workflow struct {
	Name        string            `yaml:"name"`
	On          any               `yaml:"on"`
	Permissions any               `yaml:"permissions"`
	Concurrency any               `yaml:"concurrency"`
	Env         map[string]string `yaml:"env"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type job struct {
	RunsOn  string            `yaml:"runs-on"`
	Timeout int               `yaml:"timeout-minutes"`
	Env     map[string]string `yaml:"env"`
	Steps   []step            `yaml:"steps"`
}

type step struct {
	Name             string            `yaml:"name"`
	If               string            `yaml:"if"`
	Uses             string            `yaml:"uses"`
	With             map[string]string `yaml:"with"`
	Run              string            `yaml:"run"`
	Env              map[string]string `yaml:"env"`
	WorkingDirectory string            `yaml:"working-directory"`
}

func parse(text []byte) (workflow, error) {
	var w workflow
	in := yaml.NewDecoder(bytes.NewReader(text))
	in.KnownFields(true)
	if err := in.Decode(&w); err != nil {
		return w, err
	}
	for name, j := range w.Jobs {
		for i, s := range j.Steps {
			if (s.Uses == "") == (s.Run == "") {
				return w, fmt.Errorf("job %s, step %d: want one of run and uses", name, i+1)
			}
		}
	}
	return w, nil
}

func (w workflow) job(name string) (job, error) {
	names := slices.Sorted(maps.Keys(w.Jobs))
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	j, ok := w.Jobs[name]
	if !ok {
		return j, fmt.Errorf("job %q: there are %s", name, strings.Join(names, ", "))
	}
	return j, nil
}

func (s step) title() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Uses != "":
		return s.Uses
	}
	first, _, _ := strings.Cut(s.Run, "\n")
	return first
}

// wanted tells whether a step is to be done, after a failure or without one.
func (s step) wanted(failed bool) (bool, error) {
	switch strings.TrimSpace(s.If) {
	case "", "success()":
		return !failed, nil
	case "always()", "!cancelled()":
		return true, nil
	case "failure()":
		return failed, nil
	}
	return false, fmt.Errorf("if: %q is not known here", s.If)
}

var expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)

// expand puts in what expressions stand for.
func (r *runner) expand(text string, env map[string]string) (string, error) {
	var unknown []string
	out := expression.ReplaceAllStringFunc(text, func(found string) string {
		name := expression.FindStringSubmatch(found)[1]
		value, known := map[string]string{"github.workspace": r.workspace, "github.ref": "refs/heads/local", "runner.temp": r.temp}[name]
		if variable, ok := strings.CutPrefix(name, "env."); ok {
			value, known = env[variable]
		}
		if !known {
			unknown = append(unknown, found)
		}
		return value
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("not known here: %s", strings.Join(unknown, ", "))
	}
	return out, nil
}

// environment lays the levels over each other, the later over the earlier, and what is set by hand over all.
func (r *runner) environment(levels ...map[string]string) (map[string]string, error) {
	env := map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": r.workspace, "GITHUB_REF": "refs/heads/local", "RUNNER_TEMP": r.temp,
	}
	maps.Copy(env, r.exported)
	for _, level := range levels {
		for _, name := range slices.Sorted(maps.Keys(level)) {
			value, err := r.expand(level[name], env)
			if err != nil {
				return nil, err
			}
			env[name] = value
		}
	}
	maps.Copy(env, r.set)
	return env, nil
}
