// Package early spares a sidecar what only the harness needs when the one binary starts.
//
// testcontainers-go names its session after the parent process, and for that reads each process of the machine in
// an init of its own: 10 ms and more, before main and whatever the program is about to do. A sidecar is ready in
// less. Packages that depend on nothing are initialised in the order of their paths, so this one comes first; told
// of a /proc that isn't there, testcontainers-go takes a random name.
package early

import (
	"os"
	"slices"
)

// hostProc is where the library under testcontainers-go, gopsutil, takes the place of /proc from.
const hostProc = "HOST_PROC"

// nowhere is no folder.
const nowhere = "/dev/null/proc"

func init() {
	if _, set := os.LookupEnv(hostProc); !set && len(os.Args) > 1 && slices.Contains([]string{"sidecar", "app", "link", "hold"}, os.Args[1]) {
		os.Setenv(hostProc, nowhere)
	}
}

// Done gives the environment back as it was, for the children of a sidecar.
func Done() {
	if os.Getenv(hostProc) == nowhere {
		os.Unsetenv(hostProc)
	}
}
