package harness

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Files of a run's folder.
const (
	fileScenario    = "scenario.yaml"
	fileSpec        = "resiliency.yaml"
	fileSidecarSpec = "sidecar-resiliency.yaml"
	filePlan        = "plan.json"
	fileHistory     = "history.jsonl"
	fileVerdict     = "verdict.json"
	fileJUnit       = "junit.xml"
	fileHTML        = "report.html"
	fileMarkdown    = "summary.md"
	fileComparison  = "baseline.json" // what the run was compared with, where it was
)

// A folder is one run's: self-contained, with the plan saved before the run, the history as it grows and the
// verdict last.
type folder struct{ path string }

// MakeReports makes the folder into which runs are written. A NotStarted error says why it can't be written to.
func MakeReports(dir string) error { return makeFolder(dir, "the folder of reports") }

func makeFolder(dir, what string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return NotStarted{fmt.Errorf("make %s: %w", what, err)}
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return NotStarted{fmt.Errorf("write to %s: %w", what, err)}
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// newFolder makes a run's folder and saves what goes into the run.
func newFolder(reports, id string, plan scenario.Plan, spec *resiliency.Spec, sidecarSpec []byte) (folder, error) {
	if reports == "" {
		reports = "reports"
	}
	path, err := filepath.Abs(filepath.Join(reports, id))
	if err != nil {
		return folder{}, fmt.Errorf("make the run's folder: %w", err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return folder{}, fmt.Errorf("make the run's folder: %w", err)
	}
	f := folder{path}
	text, err := os.ReadFile(plan.Scenario.File)
	if err != nil {
		return f, fmt.Errorf("save the scenario: %w", err)
	}
	saved, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return f, fmt.Errorf("save the plan: %w", err)
	}
	files := map[string][]byte{fileScenario: text, filePlan: append(saved, '\n')}
	if spec != nil {
		files[fileSpec] = spec.Raw
	}
	if sidecarSpec != nil {
		files[fileSidecarSpec] = sidecarSpec
	}
	return f, f.write(files)
}

func (f folder) write(files map[string][]byte) error {
	var errs []error
	for name, text := range files {
		errs = append(errs, os.WriteFile(filepath.Join(f.path, name), text, 0o644))
	}
	return errors.Join(errs...)
}

// record starts the history. close writes its end and puts it on the disk.
func (f folder) record(h history.Header) (_ *history.Recorder, close func(how string) error, err error) {
	file, err := os.Create(filepath.Join(f.path, fileHistory))
	if err != nil {
		return nil, nil, fmt.Errorf("start the history: %w", err)
	}
	out := &flushing{w: bufio.NewWriterSize(file, 64<<10), stop: make(chan struct{})}
	rec, err := history.NewRecorder(out, h)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	go out.everySecond()
	return rec, func(how string) error {
		err := rec.Close(how)
		return errors.Join(err, out.end(), file.Close())
	}, nil
}

// flushing is a buffered file that is never more than a second behind, so that a run which is killed leaves its
// history.
type flushing struct {
	mu   sync.Mutex
	w    *bufio.Writer
	stop chan struct{}
}

func (f *flushing) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.w.Write(b)
}

func (f *flushing) everySecond() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
			f.mu.Lock()
			f.w.Flush()
			f.mu.Unlock()
		}
	}
}

func (f *flushing) end() error {
	close(f.stop)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.w.Flush()
}

// header says what a history is of.
func header(id string, plan scenario.Plan, spec *resiliency.Spec, sidecarSpec []byte, g Ground, beside env.Sidecar) history.Header {
	h := history.Header{
		Run: id, Scenario: plan.Scenario.Name, ScenarioSHA256: fileSum(plan.Scenario.File),
		Env: g.Name, EnvWhy: g.Why, Sidecar: beside.Kind, SidecarVersion: beside.Version,
		Versions: map[string]string{"halfopen": Version(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH},
	}
	for k, v := range g.Versions {
		h.Versions[k] = v
	}
	if spec != nil {
		h.SpecSHA256 = sum(spec.Raw)
	}
	if sidecarSpec != nil {
		h.SidecarSpec = sum(sidecarSpec)
	}
	return h
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func fileSum(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return sum(bytes.TrimSpace(text))
}

// Version is this program's own, as the module system knows it.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// specs hands each service's sidecar its spec: the sidecars' own where one is given, else the scenario's.
func specs(plan scenario.Plan, spec *resiliency.Spec, sidecarSpec []byte) map[string][]byte {
	text := sidecarSpec
	if text == nil && spec != nil {
		text = spec.Raw
	}
	if text == nil {
		return nil
	}
	out := map[string][]byte{}
	for _, s := range plan.Scenario.Services {
		out[s.Name] = text
	}
	return out
}

func specNames(spec *resiliency.Spec) []string {
	if spec == nil {
		return nil
	}
	return spec.Names
}
