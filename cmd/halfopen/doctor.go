package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/container"
	"github.com/halfopen/halfopen/harness/scenario"
)

// handPorts are those that playing by hand uses: the quickstart's two terminals, and `make up` for Toxiproxy's API.
var handPorts = []struct {
	port int
	by   string
}{{6001, "the quickstart's two terminals"}, {3500, "the quickstart's two terminals"}, {3501, "the quickstart's two terminals"}, {8474, "make up"}}

func newDoctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "say what is here, what will be used, and why",
		Long: `Doctor looks for a container engine, for the ports of the quickstart and for what runs need, and says which
environment --env auto would take. It exits 2 where nothing could run at all.`,
		Example: "  halfopen doctor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			ctx := cmd.Context()
			binary, err := os.Executable()
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "halfopen\t%s, %s %s/%s\n", harness.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			engine, err := container.Connect(ctx)
			if err != nil {
				fmt.Fprintf(w, "container engine\tnone: %v\n", err)
			} else {
				fmt.Fprintf(w, "container engine\t%s (API %s, %s/%s) at %s\n", engine.Version, engine.API, engine.OS, engine.Arch, engine.Host)
				if err := container.Static(binary, engine.Arch); err != nil {
					fmt.Fprintf(w, "image\tneeds a static program: %v\n", err)
				} else {
					fmt.Fprintf(w, "image\tis made from this program, FROM scratch\n")
				}
				engine.Close()
			}
			fmt.Fprintf(w, "addresses\t%s\n", addresses())
			for _, p := range handPorts {
				fmt.Fprintf(w, "port %d\t%s\n", p.port, portState(p.port, p.by))
			}
			fmt.Fprintf(w, "open files\t%s\n", openFiles())
			fmt.Fprintf(w, "daprd\t%s\n", daprd(ctx))
			ground, err := harness.Choose(ctx, "auto", "")
			if err != nil {
				w.Flush()
				return err
			}
			fmt.Fprintf(w, "--env auto\ttakes %s: %s\n", ground.Name, ground.Why)
			n, why := harness.Carries(ground.Name)
			fmt.Fprintf(w, "--parallel\tat most %d runs at once: %s\n", n, why)
			return w.Flush()
		},
	}
}

// addresses tells whether each run can have a loopback address of its own.
func addresses() string {
	l, err := net.Listen("tcp", "127.77.77.77:0")
	if err != nil {
		return "only 127.0.0.1: runs in processes share it and take free ports"
	}
	l.Close()
	return "all of 127.0.0.0/8: each run in processes has one of its own"
}

func portState(port int, by string) string {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "taken (runs don't need it, " + by + " would)"
	}
	l.Close()
	return "free"
}

func openFiles() string {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return "unknown: " + err.Error()
	}
	const enough = 1024
	if r.Cur < enough {
		return fmt.Sprintf("%d: too few for many runs at once (ulimit -n %d)", r.Cur, enough)
	}
	return fmt.Sprint(r.Cur)
}

// daprd tells which one a run takes that names none, and whether it would do.
func daprd(ctx context.Context) string {
	d, err := harness.FindDaprd(ctx, "", scenario.Scenario{}, "container")
	if d.Image != "" {
		return "none here: --sidecar daprd would take the image " + d.Image + ", in containers alone"
	}
	if err == nil {
		err = harness.TooOld(d, scenario.Sidecar{})
	}
	if err != nil {
		return "--sidecar daprd would be refused: " + err.Error()
	}
	return d.Binary + ", " + d.Version + " (for --sidecar daprd)"
}
