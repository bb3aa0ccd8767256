package env

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// A Ledger is one run's list of processes on disk: the harness itself and its children, each with its start time,
// since a pid alone may belong to somebody else by now. [CleanProcesses] goes by it when the harness is gone.
type Ledger struct {
	path string

	mu   sync.Mutex
	page page
}

// A page is what stands in a ledger's file.
type page struct {
	Run      string    `json:"run"`
	Owner    Process   `json:"owner"`
	Children []Process `json:"children"`
}

// A Process is a pid and when it started.
type Process struct {
	PID       int   `json:"pid"`
	StartedMS int64 `json:"started_ms"` // milliseconds since 1970
}

// LedgerDir is where ledgers lie: in the user's cache folder, or where that can't be made, in one of the user's own
// below the temporary folder.
func LedgerDir() (string, error) {
	if cache, err := os.UserCacheDir(); err == nil {
		dir := filepath.Join(cache, "halfopen", "runs")
		if os.MkdirAll(dir, 0o700) == nil && syscall.Access(dir, writable) == nil {
			return dir, nil
		}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("halfopen-%d", os.Getuid()), "runs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a folder for the ledgers of runs: %w", err)
	}
	return dir, nil
}

const writable = 2 // W_OK

// OpenLedger starts the ledger of a run of this process.
func OpenLedger(run string) (*Ledger, error) {
	dir, err := LedgerDir()
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	l := &Ledger{path: filepath.Join(dir, run+".json"), page: page{Run: run, Owner: Self()}}
	return l, l.write()
}

// Self is this process.
func Self() Process { return identify(os.Getpid()) }

func identify(pid int) Process {
	p := Process{PID: pid}
	q, err := process.NewProcess(int32(pid))
	if err != nil {
		return p
	}
	if status, err := q.Status(); err == nil && slices.Contains(status, process.Zombie) {
		return p // it has ended, and only its parent has not noticed
	}
	p.StartedMS, _ = q.CreateTime()
	return p
}

// Alive tells whether the very same process still runs.
func (p Process) Alive() bool {
	const jitterMS = 2000 // the system tells start times by its boot time, which moves with the clock
	now := identify(p.PID)
	return now.StartedMS != 0 && max(now.StartedMS, p.StartedMS)-min(now.StartedMS, p.StartedMS) < jitterMS
}

// Add writes a child down.
func (l *Ledger) Add(pid int) {
	l.change(func() { l.page.Children = append(l.page.Children, identify(pid)) })
}

// Remove strikes a child out that has ended.
func (l *Ledger) Remove(pid int) {
	l.change(func() {
		for i, c := range l.page.Children {
			if c.PID == pid {
				l.page.Children = append(l.page.Children[:i], l.page.Children[i+1:]...)
				return
			}
		}
	})
}

// change is a no-op on a nil ledger, so that an environment can be used without one.
func (l *Ledger) change(do func()) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
	l.write()
}

// Close removes the ledger: everything it names has ended.
func (l *Ledger) Close() error {
	if l == nil {
		return nil
	}
	return os.Remove(l.path)
}

func (l *Ledger) write() error {
	text, err := json.Marshal(l.page)
	if err != nil {
		return err
	}
	next := l.path + ".next"
	return errors.Join(os.WriteFile(next, text, 0o600), os.Rename(next, l.path))
}

// Left is what a dead run has left of its processes.
type Left struct {
	Run      string
	Children []Process
}

// CleanProcesses ends the children of runs whose harness is gone, with their process groups, and strikes out
// their ledgers. With all, runs that still live are ended too, harness first.
func CleanProcesses(all bool) ([]Left, error) {
	dir, err := LedgerDir()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []Left
	var errs []error
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var p page
		if err == nil {
			err = json.Unmarshal(text, &p)
		}
		if err != nil {
			p = page{Run: strings.TrimSuffix(filepath.Base(file), ".json")} // a torn ledger names nobody
		}
		owned := p.Owner.Alive() && p.Owner.PID != os.Getpid()
		if (p.Owner.PID == os.Getpid() && p.Owner.Alive()) || (owned && !all) {
			continue
		}
		if owned {
			errs = append(errs, p.Owner.end())
		}
		left := Left{Run: p.Run}
		for _, c := range p.Children {
			if c.Alive() {
				errs = append(errs, ignoreGone(syscall.Kill(-c.PID, syscall.SIGKILL)))
				left.Children = append(left.Children, c)
			}
		}
		for _, pid := range KillStrays("HALFOPEN_RUN=" + p.Run) { // children of children that have ended
			if !slices.ContainsFunc(left.Children, func(c Process) bool { return c.PID == pid }) {
				left.Children = append(left.Children, Process{PID: pid})
			}
		}
		if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) { // another run may clean at once
			errs = append(errs, err)
		}
		out = append(out, left)
	}
	return out, errors.Join(errs...)
}

// end asks a harness to end, so that it can clean up by itself, and kills it where it takes too long.
func (p Process) end() error {
	const patience, pause = 15 * time.Second, 50 * time.Millisecond
	if err := ignoreGone(syscall.Kill(p.PID, syscall.SIGTERM)); err != nil {
		return err
	}
	for waited := time.Duration(0); waited < patience; waited += pause {
		if !p.Alive() {
			return nil
		}
		time.Sleep(pause)
	}
	return ignoreGone(syscall.Kill(p.PID, syscall.SIGKILL))
}

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
