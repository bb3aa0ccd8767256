package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/scenario"
)

func newListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list [FOLDER]",
		Short:   "list the scenarios below a folder (scenarios/ by default)",
		Example: "  halfopen list",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "scenarios"
			if len(args) > 0 {
				dir = args[0]
			}
			files, err := filepath.Glob(filepath.Join(dir, "*", "scenario.yaml"))
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return fmt.Errorf("no scenario below %s (a scenario is a folder with a scenario.yaml)", dir)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			bad := false
			for _, file := range files {
				s, spec, err := harness.Load(file)
				if err != nil {
					bad = true
					fmt.Fprintf(w, "%s\t-\t%s\n", filepath.Base(filepath.Dir(file)), "does not load: halfopen plan "+filepath.Dir(file))
					continue
				}
				plan := scenario.NewPlan(s, spec)
				fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, plan.Expected.Round(time.Second), firstSentence(s.Why))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if bad {
				return exitCode(exitUsage)
			}
			return nil
		},
	}
}

func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if i := strings.Index(text, ". "); i > 0 {
		return text[:i+1]
	}
	return text
}
