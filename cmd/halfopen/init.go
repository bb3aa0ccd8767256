package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/scenario"
)

// schemaFile lies beside a new scenario, so that editors complete wherever it is.
const schemaFile = "scenario.schema.json"

func newInitCommand() *cobra.Command {
	o := harness.Outage{Every: defaultEvery, Callers: 1}
	cmd := &cobra.Command{
		Use:   "init --app-id APP --resiliency SPEC [DIR]",
		Short: "write a scenario for an app and a spec of yours, with comments that teach",
		Long: `Init writes a folder (stop-APP by default): a commented scenario in which the app goes away and comes back, a copy
of the spec, and the JSON Schema from which editors complete. It overwrites nothing. A built-in app stands in for yours,
so that it runs at once; the comments say how to put your own in its place.`,
		Example: `  halfopen init --app-id payments --resiliency resiliency.yaml
  halfopen init --app-id payments --resiliency resiliency.yaml --caller shop scenarios/payments-away-for-a-minute --stop 1m`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Spec == "" {
				return errors.New("--resiliency is missing: which spec? (--resiliency FILE)")
			}
			if err := positive(cmd, "stop", o.Stop); err != nil {
				return err
			}
			dir := ""
			if len(args) > 0 {
				dir = args[0]
			}
			return initialize(cmd, o, dir)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Target, "app-id", "", "the `app` that is called and goes away; the only one that the spec names by default")
	f.StringVar(&o.Spec, "resiliency", "", "the Resiliency spec, a `file`")
	f.StringVar(&o.Caller, "caller", "checkout", "the `app` id that calls; the spec's scopes may ask for another")
	f.DurationVar(&o.Stop, "stop", 0, "how long the target is away (default: long enough for the breaker to open and probe)")
	return cmd
}

// initialize writes the folder, or nothing.
func initialize(cmd *cobra.Command, o harness.Outage, dir string) error {
	name := ""
	if dir != "" {
		path, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		name = filepath.Base(path)
	}
	d, err := o.Draft(name)
	var problems problem.List
	if errors.As(err, &problems) {
		for i := range problems { // what `try` calls --target
			p := &problems[i]
			p.Field, p.Hint = strings.ReplaceAll(p.Field, "--target", "--app-id"), strings.ReplaceAll(p.Hint, "--target", "--app-id")
		}
		return problems
	}
	if err != nil {
		return err
	}
	if dir == "" {
		dir = d.Name
	}
	files := []struct {
		name string
		data []byte
	}{
		{"scenario.yaml", append([]byte("# yaml-language-server: $schema="+schemaFile+"\n"), d.Scenario...)},
		{"resiliency.yaml", d.Spec},
		{schemaFile, scenario.Schema},
	}
	var there problem.List
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, problem.Problem{File: filepath.Join(dir, f.name), What: "is there already, and nothing is overwritten", Hint: "name another folder"})
		}
	}
	if len(there) > 0 {
		return there
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	for _, f := range files {
		if err := writeNew(filepath.Join(dir, f.name), f.data); err != nil {
			return fmt.Errorf("write the scenario: %w", err)
		}
	}
	w := cmd.OutOrStdout()
	for _, note := range d.Notes {
		fmt.Fprintln(w, note)
	}
	fmt.Fprintf(w, "\nwritten: %s\nnext:    halfopen plan %s, then halfopen run %s\n", dir, dir, dir)
	return nil
}

// writeNew writes a file that is not there yet.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
