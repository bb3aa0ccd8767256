// Package env is where a scenario runs: it brings services, sidecars and links up, breaks what it is told to break,
// heals it, and cleans up behind itself.
package env

import (
	"context"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An Env is a running scenario. [Start] gives it with everything up but the load.
type Env interface {
	// Load starts the callers: from here on orders flow.
	Load(ctx context.Context) error
	// Apply breaks one thing. heal mends it and returns when what was stopped is ready again.
	// A fault that this environment can't do is errors.ErrUnsupported.
	Apply(ctx context.Context, f scenario.Fault) (heal func(context.Context) error, err error)
	// Send puts one order of the harness's own into a link.
	Send(ctx context.Context, r link.Request) error
	// Close ends everything that Start and Load began. It is safe to call twice.
	Close(ctx context.Context) error
}

// Start brings a scenario up in one kind of environment. Where it fails, it has cleaned up.
type Start func(ctx context.Context, c Config) (Env, error)

// A Config is what an environment needs to know.
type Config struct {
	Run       string            // the run's id, in every label and name
	Dir       string            // the run's folder, absolute; the environment may keep files below it
	Binary    string            // a halfopen executable that can play the roles app, sidecar, link and hold
	Plan      scenario.Plan     // what to bring up
	Specs     map[string][]byte // the Resiliency file that each service's sidecar gets; none where absent
	Sidecar   Sidecar           // the program that runs beside each app
	SpecNames []string          // the resources that the oracle's spec names: proved loaded or told missing
	Record    *history.Recorder
	Ledger    *Ledger // where children are written down, so that they can be found when the harness is gone
}

// A Host is the ground that services stand on: what differs between processes and containers.
// [Bring] does the rest, the same way for all of them.
type Host interface {
	// Prepare makes the ground ready and gives where each service will stand.
	Prepare(ctx context.Context) (map[string]Place, error)
	// Links is the control of the links; valid after Prepare.
	Links() link.Control
	// Listen is where the tap of a link shall listen (host:port, port 0 for a free one), and Reach turns the
	// address at which it does listen into one that its client can dial.
	Listen(l scenario.Link) string
	Reach(l scenario.Link, addr string) string
	// Start starts a part, with its output recorded; again after it ended.
	Start(ctx context.Context, p Part) error
	// Signal ends a part (Term or Kill) and waits until it has ended, or pauses and continues it.
	Signal(ctx context.Context, p Part, s Signal) error
	// Close ends everything.
	Close(ctx context.Context) error
}

// A Signal is what a host can do to a part.
type Signal string

// The signals.
const (
	Term     Signal = "terminate"
	Kill     Signal = "kill"
	Pause    Signal = "pause"
	Continue Signal = "continue"
)

// TermGrace is how long a part has to end after Term before it is killed.
const TermGrace = 10 * time.Second

// A Place is where a service stands: one address, and a port for each thing that listens there.
type Place struct {
	Bind     string // what its app and sidecar listen on: an address, or 0.0.0.0
	Host     string // where they are reached directly, from the links and by probes
	App      int
	HTTP     int // the sidecar's API
	Internal int // where other sidecars reach the sidecar
	GRPC     int
	Metrics  int
}

// A Part is an app or a sidecar, ready to be started.
type Part struct {
	Service string
	Part    string   // history.App or history.Sidecar
	Role    []string // arguments of the halfopen binary; empty where Command or Image is set
	Command []string // any program; with Image, its arguments
	Image   string   // any image
	Env     []string // k=v
	Files   []File   // to be there before it starts
	Dir     string   // where a command runs
}

// A File is handed to a part: its content is copied to where the part can read it.
// The placeholder {{files}} in Role, Command and Env stands for the folder where the host has put it.
type File struct {
	Name string // with slashes where it lies in a folder of its own
	Data []byte
}

// FilesDir is the placeholder for the folder of a part's files.
const FilesDir = "{{files}}"
