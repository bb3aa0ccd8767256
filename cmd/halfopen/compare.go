package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/report"
)

func newCompareCommand() *cobra.Command {
	var o harness.Options
	var sidecars []string
	var page string
	var atOnce int
	cmd := &cobra.Command{
		Use:   "compare [SCENARIO...]",
		Short: "run scenarios with one sidecar and another, and show where they differ",
		Long: `Compare plays each scenario (all below scenarios/ where none is named) with each of the sidecars and sets what came of
it side by side. A difference that daprd is known for is told with its reason; one that nothing explains is flagged.

Exit codes: 0 all alike, or differing as known; 1 a difference that nothing explains; 2 wrong usage or bad input;
3 a side that could not be judged.`,
		Example: `  halfopen compare --sidecar builtin,daprd stop-order-processor stop-order-app
  halfopen compare --sidecar builtin,daprd --daprd ./daprd --page docs/daprd-compatibility.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(sidecars) < 2 || atOnce < 1 {
				return errors.New("compare needs two sidecars at least, and one scenario at a time (--sidecar builtin,daprd)")
			}
			named := args
			if len(args) == 0 {
				files, err := filepath.Glob("scenarios/*/scenario.yaml")
				if err != nil || len(files) == 0 {
					return errors.New("no scenario is here (name some)")
				}
				for _, f := range files {
					args = append(args, filepath.Dir(f))
				}
			}
			for i := range args {
				args[i] = findScenario(args[i])
			}
			c, err := harness.CompareSidecars(cmd.Context(), o, args, sidecars, atOnce)
			var notStarted harness.NotStarted
			switch {
			case errors.As(err, &notStarted):
				return err
			case err != nil:
				return unjudged{err}
			}
			report.CompareTerminal(cmd.OutOrStdout(), c)
			if page != "" {
				var b strings.Builder
				report.CompareMarkdown(&b, c, strings.TrimSpace("halfopen compare --sidecar "+strings.Join(sidecars, ",")+" --env "+o.Env+" --page "+page+" "+strings.Join(named, " ")))
				if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
					return fmt.Errorf("write the page: %w", err)
				}
			}
			switch unexplained, blind := c.Flagged(); {
			case unexplained > 0:
				return exitCode(exitBroken)
			case blind > 0:
				return exitCode(exitUnknown)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&sidecars, "sidecar", []string{"builtin", "daprd"}, "the sidecars")
	f.StringVar(&o.Daprd, "daprd", "", "a daprd: its `path`, its name on PATH, or in containers an image")
	f.StringVar(&o.Env, "env", "auto", "where to run: auto | container | process")
	f.StringVar(&o.Reports, "reports", "reports", "the `folder` where runs land")
	f.StringVar(&page, "page", "", "write a Markdown `file` too")
	f.IntVar(&atOnce, "at-once", 4, "how many scenarios at a time")
	return cmd
}
