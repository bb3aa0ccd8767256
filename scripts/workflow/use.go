package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// use does what an action does, by what is here.
func (r *runner) use(ctx context.Context, s step, env map[string]string) error {
	name, _, _ := strings.Cut(s.Uses, "@")
	with := map[string]string{}
	for k, v := range s.With {
		value, err := r.expand(v, env)
		if err != nil {
			return err
		}
		with[k] = value
	}
	switch name {
	case "actions/checkout":
		return r.checkout(ctx)
	case "actions/setup-go":
		return r.setupGo(ctx, with["go-version-file"])
	case "actions/upload-artifact":
		return r.upload(with["path"])
	}
	return fmt.Errorf("nothing here does what %s does", s.Uses)
}

// checkout clones what is committed: what is not can't be there on a runner either.
func (r *runner) checkout(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "git", "clone", "--quiet", "--local", r.root, r.workspace)
	cmd.Stdout, cmd.Stderr = r.out, r.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("clone: %w", err)
	}
	dirty, err := exec.CommandContext(ctx, "git", "-C", r.root, "status", "--porcelain").Output()
	if err == nil && len(dirty) > 0 {
		fmt.Fprintf(r.out, "-- not committed, and so not there:\n%s", dirty)
	}
	return err
}

var goVersion = regexp.MustCompile(`(?m)^go (\S+)$`)

// setupGo finds the Go that the module asks for, which go itself fetches where it may.
func (r *runner) setupGo(ctx context.Context, file string) error {
	text, err := os.ReadFile(filepath.Join(r.workspace, file))
	if err != nil {
		return err
	}
	want := goVersion.FindSubmatch(text)
	if want == nil {
		return fmt.Errorf("%s names no version of Go", file)
	}
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION")
	cmd.Dir = r.workspace
	have, err := cmd.Output()
	fmt.Fprintf(r.out, "-- wanted go%s, there is %s", want[1], have)
	return err
}

// upload finds what would be uploaded; nothing is an error, as a report that nobody can look at.
func (r *runner) upload(path string) error {
	if path == "" {
		return fmt.Errorf("no path")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.workspace, path)
	}
	files, bytes := 0, int64(0)
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files++
		bytes += info.Size()
		return nil
	})
	if err == nil && files == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	fmt.Fprintf(r.out, "-- %d files, %d bytes would be uploaded\n", files, bytes)
	return err
}
