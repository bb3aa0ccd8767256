// Package history is what was seen: events on one clock, a JSON line each, with a header before and an end after.
package history

import (
	"strconv"
	"time"
)

// A Kind says what an event tells.
type Kind string

// What the runner and the environment see and do (source [Runner]).
const (
	KindPhase   Kind = "phase"   // Text: what the runner does now (see the Phase… names); Attrs: step, detail
	KindFault   Kind = "fault"   // Text: injected | applied | effective | healing | healed; ID: the fault's name; Service, Part or Link: its target; Attrs: kind, for_ns; effective (source [Derived]): evidence_source, evidence_seq
	KindStart   Kind = "start"   // Service, Part: a process or container was started; Attrs: pid, address
	KindReady   Kind = "ready"   // Service, Part: probed directly, never through a link, and found ready
	KindExit    Kind = "exit"    // Service, Part: it ended; Text: "exit 0", "signal killed"; Attrs: wanted=true|false
	KindPolicy  Kind = "policy"  // Service: what its sidecar proved of one Resiliency resource; ID: its name; Text: loaded | missing | failed; Error: the sidecar's own words
	KindTick    Kind = "tick"    // a metronome's reading; Attrs: late_ns (the worst lateness since the last tick), period_ns
	KindClock   Kind = "clock"   // Service or Text: the source it is about; Attrs: source, offset_ns, uncertainty_ns
	KindProblem Kind = "problem" // the harness could not do or see something; Error says what. It makes the run unknown
)

// What a tap sees on a link (source [Links]). Conn numbers the connection within the link.
const (
	KindAccept   Kind = "accept"   // a client connected
	KindRequest  Kind = "request"  // a request head; Op: trace id, ID: order id, Path; Attrs: n (the n-th on its connection, from 1), method, length, chunked, app (dapr-app-id), protocol=grpc where it is a stream
	KindResponse Kind = "response" // a response head; Status; Op, ID, Path as in its request; Attrs: n, retry_after, fault (the one that answered in the app's place)
	KindComplete Kind = "complete" // the last byte of that response has passed; Op, ID, Path, Status as above; Attrs: n
	KindClose    Kind = "close"    // the connection ended; Text: eof | reset | refused | cut; Attrs: by (client | upstream | tap), open (the n of a request without a complete response, if any: an event each), stream=true where only that one ended
)

// What an app or a sidecar prints (source Output(service, part)).
const KindLine Kind = "line" // Text: one line without its newline; Service, Part; Attrs: stream (stdout | stderr)

// KindMetric is a number that a sidecar tells of itself (source [Runner], or the file that holds it).
const KindMetric Kind = "metric" // Service, Part; ID: the metric's name; Text: its value; Attrs: its labels; Error: why there are none

// KindCount is how many attempts a daprd says that it has made, noted whenever that changes: those that never cross the
// link are seen nowhere else.
const KindCount Kind = "count" // Service, Part; ID: the metric's name; Text: its value; Attrs: dst_app_id, after_ns (since when it may have this value)

// MetricsRead is the ID under which it is noted that a sidecar's metrics were read just then: the figures follow. Text:
// how many; Attrs: asked_ns (when they were asked for, on the run's clock).
const MetricsRead = "read"

// KindEnd closes a history; a history without it is truncated.
const KindEnd Kind = "end" // Attrs: count (events before it), how (done | interrupted | failed)

// Names of sources. What a service prints has a source of its own, see [Output].
const (
	Runner  = "runner"
	Links   = "links"
	Derived = "derived" // nobody's observation: what was made of the evidence once the run was over. It is no evidence
)

// Output names the source of what one part of a service prints.
func Output(service, part string) string { return "output:" + service + "/" + part }

// Phases, in the order in which a run goes through them.
const (
	PhaseBringUp  = "bring-up"
	PhaseUp       = "up" // everything is up; the load starts once all runs that go on at once are
	PhaseLoad     = "load"
	PhaseStep     = "step"      // Attrs: step (index from 0), detail
	PhaseStepDone = "step-done" // Attrs: step, timed_out=true where a wait gave up
	PhaseTeardown = "teardown"
)

// Parts of a service.
const (
	App     = "app"
	Sidecar = "sidecar"
)

// An Event is one observation. At is when it was observed, on the run's clock (0 is the run's start);
// the order of events from two sources is known only beyond their clocks' uncertainty.
type Event struct {
	Seq     uint64            `json:"seq"`   // its number within its source, from 1: a gap is a loss
	At      time.Duration     `json:"at_ns"` // nanoseconds on the run's clock
	Source  string            `json:"source"`
	Kind    Kind              `json:"kind"`
	Run     string            `json:"run,omitempty"`
	Service string            `json:"service,omitempty"`
	Part    string            `json:"part,omitempty"` // app | sidecar
	Link    string            `json:"link,omitempty"` // checkout->order-processor
	Conn    uint64            `json:"conn,omitempty"`
	Op      string            `json:"op,omitempty"` // the operation: the W3C trace id, 32 hex digits
	ID      string            `json:"id,omitempty"` // the order's id; a fault's name; a resource's name
	Path    string            `json:"path,omitempty"`
	Status  int               `json:"status,omitempty"` // HTTP status
	Error   string            `json:"error,omitempty"`
	Text    string            `json:"text,omitempty"`
	Attrs   map[string]string `json:"attrs,omitempty"`
}

// Attr is one attribute as it stands, or "".
func (e Event) Attr(name string) string { return e.Attrs[name] }

// Int reads an attribute as a number; 0 where it is absent or no number.
func (e Event) Int(name string) int64 {
	n, _ := strconv.ParseInt(e.Attrs[name], 10, 64)
	return n
}

// Duration reads an attribute that holds nanoseconds (its name ends in _ns).
func (e Event) Duration(name string) time.Duration { return time.Duration(e.Int(name)) }

// Format names this form of a history.
const Format = "halfopen-history/1"

// A Header opens a history.
type Header struct {
	Format         string            `json:"format"`
	Run            string            `json:"run"`
	Scenario       string            `json:"scenario"`
	ScenarioSHA256 string            `json:"scenario_sha256"`
	SpecSHA256     string            `json:"spec_sha256,omitempty"`  // "" where the scenario has no spec
	SidecarSpec    string            `json:"sidecar_spec,omitempty"` // set where the sidecars got another spec than the oracle's
	Env            string            `json:"env"`                    // process | container | memory
	EnvWhy         string            `json:"env_why"`                // why this environment was taken
	Sidecar        string            `json:"sidecar"`                // builtin | daprd
	SidecarVersion string            `json:"sidecar_version"`
	Started        time.Time         `json:"started"` // the wall clock at 0 of the run's clock
	Versions       map[string]string `json:"versions,omitempty"`
}
