// Package lint says what in a Resiliency spec will not do what its writer means, before anything is run.
package lint

import (
	"time"

	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A Severity says how bad a finding is.
type Severity string

// Severities.
const (
	Error   Severity = "error"   // the policy will not do what it says
	Warning Severity = "warning" // legal, and probably not what was meant
	Note    Severity = "note"    // good to know
)

// A Source is a file's name, as its user gave it, and its text.
type Source struct {
	Name  string
	Data  []byte
	Named bool // its user named this very file, and not a folder that it is in
}

// Options say what is known beyond the specs. The zero value knows nothing.
type Options struct {
	Scenario      *scenario.Scenario // its callers, their timeouts and paths; nil for none
	ClientTimeout time.Duration      // how long callers wait for an answer; 0 where that isn't known
	Paths         int                // how many paths of one app are called; 0 where that isn't known
	Dapr          Version            // the daprd that will read the specs; the zero value for the newest
	Kubernetes    bool               // all documents of a file are applied, not only the first
}

// A Finding is one thing that a rule has to say.
type Finding struct {
	Rule      string   `json:"rule"` // L11
	Severity  Severity `json:"severity"`
	File      string   `json:"file"`
	Line      int      `json:"line"`      // from 1
	Column    int      `json:"column"`    // from 1, in characters
	EndColumn int      `json:"endColumn"` // behind the last character that is meant
	Resource  string   `json:"resource,omitempty"`
	Field     string   `json:"field,omitempty"` // spec.policies.retries.again.maxInterval
	What      string   `json:"what"`            // what is wrong here
	Effect    string   `json:"effect"`          // what will happen at run time
	Mend      string   `json:"mend"`
	Source    string   `json:"-"` // the line of the file
}

// A Suppressed finding is one that a comment silences.
type Suppressed struct {
	Finding
	Because string `json:"because"`
}

// A Report is all that is found in some files.
type Report struct {
	Findings   []Finding // by file, line and column; notes too
	Suppressed []Suppressed
	Files      int          // that were looked at
	Resources  int          // Resiliency resources, or what was meant to be one
	Unread     problem.List // files that could not be read, or not wholly
}

// Check applies all rules to all Resiliency resources in some files. Other documents in them are passed over.
// It reads everything that it is given, however wrong; what is too large to be read is told in Report.Unread.
func Check(sources []Source, o Options) Report {
	r := &run{options: o, trips: map[string]tripOf{}, groups: map[string]*group{}, components: map[string]string{}}
	report := Report{Files: len(sources)}
	for i := range sources {
		r.read(&sources[i], &report)
	}
	r.gather()
	rules := Rules()
	for _, res := range r.resources {
		for i := range rules {
			if rules[i].check != nil {
				rules[i].check(&checking{run: r, rule: &rules[i], res: res})
			}
		}
	}
	report.Resources = len(r.resources)
	for _, f := range r.files {
		f.settle(o, &report)
	}
	return report
}

// Count is how many findings of a severity there are.
func (r Report) Count(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// WithoutNotes is the report without its notes.
func (r Report) WithoutNotes() Report {
	kept := make([]Finding, 0, len(r.Findings))
	for _, f := range r.Findings {
		if f.Severity != Note {
			kept = append(kept, f)
		}
	}
	r.Findings = kept
	return r
}

// Exit is the exit code: 2 where something could not be read, 1 for an error (strict: for a warning, too), else 0.
func (r Report) Exit(strict bool) int {
	switch {
	case len(r.Unread) > 0:
		return 2
	case r.Count(Error) > 0, strict && r.Count(Warning) > 0:
		return 1
	}
	return 0
}
