// Command halfopen breaks services behind Dapr sidecars on purpose and judges what happened against their
// Resiliency spec.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/halfopen/halfopen/cmd/halfopen/early"
	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/sidecar"
)

// Exit codes of halfopen.
const (
	exitKept    = 0
	exitBroken  = 1
	exitUsage   = 2
	exitUnknown = 3
	exitForced  = 1 // of a sidecar, as daprd
)

func main() {
	early.Done()
	ctx, stop := signal.NotifyContext(context.Background(), ending()...)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// ending are the signals that end the program in good order. A hangup that was ignored from the start, as by nohup,
// stays so.
func ending() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// run is the whole program: it tells on stderr what went wrong and gives the exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	root := newRoot(out, errs)
	if len(args) > 0 && args[0] == "sidecar" {
		var s sidecarFlags
		known := pflag.NewFlagSet("", pflag.ContinueOnError)
		s.add(known)
		args = doubleDash(known, args)
	}
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return exitKept
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, sidecar.ErrForced): // told in its log
		return exitForced
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(errs, "halfopen: interrupted")
		return exitUnknown
	}
	fmt.Fprintln(errs, "halfopen: "+err.Error())
	var problems problem.List
	var broken unjudged
	switch {
	case errors.As(err, &problems):
		return exitUsage
	case errors.As(err, &broken):
		return exitUnknown
	}
	return exitUsage
}

// An exitCode is an error that has been told already.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit %d", int(c)) }

// unjudged is an error after which nothing can be said about promises.
type unjudged struct{ error }

func (u unjudged) Unwrap() error { return u.error }

func newRoot(out, errs io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "halfopen",
		Short: "find out whether services keep the promises of their Dapr Resiliency spec",
		Long: `halfopen brings services and their Dapr sidecars up behind Toxiproxy, breaks something on purpose,
records what happened, and judges the record against the Resiliency spec: every retry, every breaker
transition, the time to recover, every order.

Exit codes: 0 all promises kept, 1 a promise broken, 2 wrong usage or bad input, 3 could not judge.`,
		Example: `  halfopen run scenarios/stop-order-processor
  halfopen run --env container --sidecar-resiliency mine.yaml scenarios/stop-order-processor
  halfopen check reports/stop-order-processor-20261124-101844-3f9a1c`,
		Version:       harness.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(out)
	root.SetErr(errs)
	root.AddCommand(
		newRunCommand(), newTryCommand(), newInitCommand(), newPlanCommand(), newForecastCommand(), newExploreCommand(), newLintCommand(), newCheckCommand(), newExplainCommand(), newReportCommand(), newBaselineCommand(),
		newCompareCommand(), newListCommand(), newSchemaCommand(), newDoctorCommand(), newCleanCommand(),
		newSidecarCommand(), newAppCommand(), newLinkCommand(), newHoldCommand(), newReapCommand(),
	)
	guide(root)
	return root
}
