// Command workflow runs a GitHub Actions workflow's job on this machine, step by step, so that it is known to work
// before it is pushed: in a clone of what is committed, with the environment that the file declares. What a step
// `uses:` is done by its local equivalent; what it knows no equivalent for is an error, never skipped.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	file := flag.String("file", ".github/workflows/resiliency.yml", "the workflow")
	job := flag.String("job", "", "the job; the only one by default")
	var set settings
	flag.Var(&set, "set", "an environment variable, NAME=VALUE, in the place of what the file declares; may be repeated")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := do(ctx, *file, *job, set, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "workflow: "+err.Error())
		os.Exit(1)
	}
}

// settings are NAME=VALUE from the command line.
type settings []string

func (s *settings) String() string { return strings.Join(*s, " ") }

func (s *settings) Set(text string) error {
	if name, _, ok := strings.Cut(text, "="); !ok || name == "" {
		return fmt.Errorf("%q: want NAME=VALUE", text)
	}
	*s = append(*s, text)
	return nil
}

func do(ctx context.Context, file, name string, set settings, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	w, err := parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	job, err := w.job(name)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	temp, err := os.MkdirTemp("", "halfopen-workflow-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	workspace := filepath.Join(temp, "workspace")
	if err := os.Mkdir(workspace, 0o755); err != nil {
		return err
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	r := &runner{out: out, root: root, temp: temp, workspace: workspace, set: map[string]string{}, exported: map[string]string{}}
	for _, s := range set {
		k, v, _ := strings.Cut(s, "=")
		r.set[k] = v
	}
	return r.run(ctx, w, job)
}

// A runner goes through a job's steps.
type runner struct {
	out                   io.Writer
	root, temp, workspace string
	set                   map[string]string // stronger than any declared
	exported              map[string]string // by steps, through GITHUB_ENV
	failed                bool
	annotations           []annotation
}

func (r *runner) run(ctx context.Context, w workflow, job job) error {
	var broken []string
	for i, s := range job.Steps {
		wanted, err := s.wanted(r.failed)
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", i+1, s.title(), err)
		}
		if !wanted {
			fmt.Fprintf(r.out, "== %d. %s: left out, a step before it failed\n", i+1, s.title())
			continue
		}
		fmt.Fprintf(r.out, "== %d. %s\n", i+1, s.title())
		began := time.Now()
		if err := r.step(ctx, i, s, w.Env, job.Env, s.Env); err != nil {
			fmt.Fprintf(r.out, "== %d. failed after %s: %v\n", i+1, time.Since(began).Round(time.Second), err)
			broken = append(broken, s.title())
			r.failed = true
			continue
		}
		fmt.Fprintf(r.out, "== %d. ok after %s\n", i+1, time.Since(began).Round(time.Second))
	}
	if err := r.check(); err != nil {
		return err
	}
	if len(broken) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(broken, ", "))
	}
	return nil
}

func (r *runner) step(ctx context.Context, i int, s step, levels ...map[string]string) error {
	env, err := r.environment(levels...)
	if err != nil {
		return err
	}
	if s.Uses != "" {
		return r.use(ctx, s, env)
	}
	script, err := r.expand(s.Run, env)
	if err != nil {
		return err
	}
	files := map[string]string{}
	for _, name := range []string{"GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH"} {
		files[name] = filepath.Join(r.temp, fmt.Sprintf("%s-%d", strings.ToLower(name), i))
		if err := os.WriteFile(files[name], nil, 0o644); err != nil {
			return err
		}
		env[name] = files[name]
	}
	path := filepath.Join(r.temp, fmt.Sprintf("step-%d.sh", i))
	if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
		return err
	}
	commands := &reader{}
	cmd := exec.CommandContext(ctx, "bash", "-e", path) // what a runner on Linux does where no shell is named
	cmd.Dir = filepath.Join(r.workspace, s.WorkingDirectory)
	cmd.Env = os.Environ()
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	both := io.MultiWriter(r.out, commands)
	cmd.Stdout, cmd.Stderr = both, both
	err = cmd.Run()
	r.annotations = append(r.annotations, commands.end()...)
	if serr := r.after(files); serr != nil {
		return serr
	}
	return err
}

// after takes what a step left in the files that a runner gives it.
func (r *runner) after(files map[string]string) error {
	const most = 1 << 20
	page, err := os.ReadFile(files["GITHUB_STEP_SUMMARY"])
	if err != nil {
		return err
	}
	if len(page) > most {
		return fmt.Errorf("its summary has %d bytes, and GitHub takes %d", len(page), most)
	}
	if len(page) > 0 {
		fmt.Fprintf(r.out, "-- on the run's page, %d bytes:\n%s\n", len(page), page)
	}
	exports, err := os.ReadFile(files["GITHUB_ENV"])
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(exports)) {
		k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			return fmt.Errorf("GITHUB_ENV: %q: only NAME=VALUE is known here", line)
		}
		r.exported[k] = v
	}
	return nil
}
