package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/env/container"
)

func newCleanCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "remove what runs have left behind whose harness was killed",
		Long: `Clean ends processes and removes containers and networks of runs whose harness no longer lives. Runs that
still go on are left alone, unless --all is given. Images that were made from earlier programs go too. The folders
below reports/ stay.`,
		Example: "  halfopen clean",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			left, err := env.CleanProcesses(all)
			for _, l := range left {
				fmt.Fprintf(w, "%s: ended %d processes\n", l.Run, len(l.Children))
			}
			engine, cerr := container.Connect(cmd.Context())
			if cerr != nil {
				fmt.Fprintf(w, "containers: not looked for (%v)\n", cerr)
				return err
			}
			defer engine.Close()
			runs, cerr := engine.Clean(cmd.Context(), all)
			for _, run := range runs {
				fmt.Fprintf(w, "%s: removed its containers and network\n", run)
			}
			images, ierr := engine.CleanImages(cmd.Context())
			cerr = errors.Join(cerr, ierr)
			if images > 0 {
				fmt.Fprintf(w, "images that no container uses: %d removed; the next run makes its own\n", images)
			}
			if len(left)+len(runs)+images == 0 && err == nil && cerr == nil {
				fmt.Fprintln(w, "nothing was left behind")
			}
			return errors.Join(err, cerr)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also end runs that still go on")
	return cmd
}
