package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/halfopen/halfopen/harness/document"
)

// guide makes wrong usage of a command and of all below it a line that says what is meant.
func guide(root *cobra.Command) {
	root.SetFlagErrorFunc(flagError)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var each func(*cobra.Command)
	each = func(c *cobra.Command) {
		for _, below := range c.Commands() {
			each(below)
		}
		switch {
		case c.Name() == "help" && c.Parent() == root:
			help := c.Run
			c.RunE, c.Run = func(cmd *cobra.Command, args []string) error {
				if found, rest, err := root.Find(args); err == nil && len(rest) > 0 {
					return noCommand(found, rest[0])
				}
				help(cmd, args)
				return nil
			}, nil
		case !c.Runnable() && c.HasSubCommands():
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			c.Args = cobra.NoArgs
			fallthrough
		case c.Args != nil:
			asked := c.Args
			c.Args = func(cmd *cobra.Command, args []string) error { return argsError(cmd, args, asked(cmd, args)) }
		}
	}
	each(root)
}

// noCommand is about a name that is no command's.
func noCommand(cmd *cobra.Command, name string) error {
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			known = append(known, c.Name())
		}
	}
	hint := cmd.CommandPath() + " --help lists those there are"
	if near := document.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %s %s?", cmd.CommandPath(), near)
	}
	return fmt.Errorf("unknown command %q: %s", name, hint)
}

// argsError says in our words what cobra says of arguments; other errors stay.
func argsError(cmd *cobra.Command, args []string, err error) error {
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), "unknown command") && cmd.HasSubCommands():
		return noCommand(cmd, args[0])
	case strings.HasPrefix(err.Error(), "unknown command"):
		return fmt.Errorf("%s takes no arguments, and got %q", strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" "), args[0])
	case strings.HasPrefix(err.Error(), "accepts "):
		return fmt.Errorf("%d arguments: want %s", len(args), strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	}
	return err
}

// flagError says of a flag that can't be read what is meant, or what it wants.
func flagError(cmd *cobra.Command, err error) error {
	if given := cmd.Flags().Args(); len(given) > 0 && cmd.HasSubCommands() {
		return noCommand(cmd, given[0]) // it is that one's flag
	}
	var unknown *pflag.NotExistError
	var bad *pflag.InvalidValueError
	var bare *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown)
	case errors.As(err, &bad):
		return fmt.Errorf("--%s %s: want %s", bad.GetFlag().Name, bad.GetValue(), wanted(bad.GetFlag(), bad.GetValue()))
	case errors.As(err, &bare):
		return fmt.Errorf("--%s: is the last word, and wants %s behind it", bare.GetFlag().Name, wanted(bare.GetFlag(), ""))
	}
	return err
}

// unknownFlag names the flag that is nearest. After one dash the letters are single flags: -env is taken for --env.
func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	name, dash := unknown.GetSpecifiedName(), "--"
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		name, dash = letters, "-"
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { // those of the commands above are among them
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	hint := cmd.CommandPath() + " --help lists those there are"
	word, _, _ := strings.Cut(name, "=")
	if near := document.Nearest(word, known); near != "" && len(word) > 1 {
		hint = fmt.Sprintf("did you mean --%s?", near)
	}
	return fmt.Errorf("unknown flag %s%s: %s", dash, name, hint)
}

// wanted says what a flag takes, such as would have been meant by a value.
func wanted(f *pflag.Flag, value string) string {
	switch f.Value.Type() {
	case "duration":
		meant := value + "s"
		if d, err := time.ParseDuration(meant); err != nil || d <= 0 {
			meant = "45s"
		}
		return "a duration such as " + meant
	case "int", "int64", "uint64":
		return "a whole number such as 3"
	case "float64":
		return "a number such as 0.5"
	case "bool":
		return "true or false"
	}
	if kind, _ := pflag.UnquoteUsage(f); strings.Contains(f.Usage, "`") {
		return "a " + kind
	}
	return "a value"
}
