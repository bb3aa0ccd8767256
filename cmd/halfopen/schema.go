package main

import (
	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness/scenario"
)

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of a scenario, for editors",
		Long: `Schema prints the JSON Schema (2020-12) of scenario.yaml. An editor with a YAML language server completes from it
where the file's first line names it:

  # yaml-language-server: $schema=scenario.schema.json`,
		Example: "  halfopen schema > scenario.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(scenario.Schema)
			return err
		},
	}
}
