// Package scenario is what should happen: services, a timeline of waits and faults, and what is expected beyond the spec.
package scenario

import (
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

// A Scenario is one folder under scenarios/, parsed and valid.
type Scenario struct {
	Name         string  // the folder's name
	Why          string  // one paragraph for the reader
	Seed         int64   // all randomness of a run comes from it
	Dir          string  // the folder
	File         string  // the scenario's file, as the user named it
	Resiliency   string  // the spec's path relative to Dir; "" for no spec at all
	ResiliencyAt Place   `json:"-"` // where it is named in the file
	Sidecar      Sidecar // which program runs beside each app
	Services     []Service
	Timeline     []Step
	Expect       Expect
}

// A Service is an app and its sidecar, known to the others by its app id.
type Service struct {
	Name    string            // the Dapr app id
	App     string            // a built-in app: checkout | order-processor; "" where Image or Command is set
	Image   string            // any image, run with an init
	Command []string          // any program
	Port    int               // where the app listens; 0 for an app that only sends
	Env     map[string]string // more environment for the app
	Ready   string            // path that answers 2xx once the app is ready; "" means that its port accepts
	Sends   *Sends            // what it sends; nil where it only takes

	ReadyWithin time.Duration `json:",omitempty"` // how long it may take to be ready; 0 for the environment's own patience
	Host        string        `json:",omitempty"` // the address on which a command listens, where it can't be told one; "" for the environment's own
	CommandAt   Place         `json:"-"`          // where its command stands in the file
}

// Sends says what a caller sends, to any app id: the built-in checkout is told so; of somebody's own program it is
// what the links and the oracle go by.
type Sends struct {
	To      string            // app id
	Method  string            // POST by default
	Path    string            // a text/template with {{.ID}}; orders by default
	Headers map[string]string // besides dapr-app-id, traceparent and X-Order-Id
	Body    string            // a text/template with {{.ID}}; {"orderId":{{.ID}}} by default
	Every   time.Duration     // the pause between two orders of one caller; 1 s by default
	Callers int               // how many send at once; 1 by default
	Timeout time.Duration     // of the client itself; 0 for none
	Until   string            // accepted (send the same order until it is accepted, the default) | once
	ID      string            `json:",omitempty"` // JSON path (RFC 9535) of an order's id in the body; "" for the header X-Order-Id
}

// A Step is one entry of the timeline: exactly one of its fields (but Line) is set.
type Step struct {
	Wait  *Wait
	Fault *Fault
	Heal  string // the name of an earlier fault that has no For
	Send  *Send  // one order by the harness itself
	Line  int    // where it stands in the file
}

// A Send is one order that the harness itself sends through a caller's sidecar, once, to see what it is told: a
// breaker that is open must refuse it at once. Its order id is probe-N (N counts the timeline's sends from 1).
//
//   - wait: { opened: checkout }      # until checkout's sidecar says that a breaker opened
//   - wait: { for: 3s }
//   - send: { from: checkout }        # to, method, path, headers and body as in checkout's own `sends:`
//
// Why it exists: a lone caller in one unbroken operation only asks at its retries, so an open time shorter
// than the retry gap would go unseen.
type Send struct {
	From   string        // the caller through whose sidecar it goes; it has `sends:`
	Within time.Duration // give up after this long; 30 s by default
}

// A Wait ends when what it names has been seen in the history. Exactly one of Orders, Recovered, Opened and For is set.
type Wait struct {
	Orders    int           // so many more orders accepted, counted from the step's start, over all callers
	Recovered string        // this caller's first order accepted after every fault is healed
	Opened    string        // this caller's sidecar has said, since the step began or since the last fault was injected, that a breaker went from closed to open
	For       time.Duration // just time
	Within    time.Duration // give up after this long; 0 means the plan's own limit
}

// Expect is what the spec can't say.
type Expect struct {
	Verdict string   // pass (default) | fail
	Checks  []string // with fail: exactly these checks fail
	Logs    []Log    // lines that must appear
	// SpecErrors says that the spec has errors which Dapr swallows, and that the scenario is about them.
	SpecErrors bool `json:",omitempty"`
	// Severity is warn for the checks whose failure is told and does not count.
	Severity map[string]string `json:",omitempty"`
	// Named is where the checks are named in the file.
	Named map[string]Place `json:"-"`
}

// A Place is one in the scenario's file.
type Place struct {
	Line, Column int // from 1; 0 where it is nowhere
	Field        string
}

// A Log is a line that a part of a service must print.
type Log struct {
	Service string
	Part    string // history.App (default) or history.Sidecar
	Match   string // a regular expression (RE2)
	Times   int    // exactly so often; 0 means at least once
}

// A Plan is what a run will do, with everything derived that the environment, the runner and the oracle share.
// It is saved before the run as plan.json and read back by `check`.
type Plan struct {
	Scenario Scenario
	Links    []Link
	Expected time.Duration   // how long the run should take, from the first order on
	Limits   []time.Duration // for each step: when a wait gives up; 0 for steps that don't wait
}

// A Link is one hop that a tap watches and Toxiproxy disturbs.
type Link struct {
	Name string // checkout->sidecar, checkout->order-processor, order-processor->app
	From string // the service whose app or sidecar dials
	To   string // the service whose sidecar or app answers
	Hop  string // one of the hops below
}

// Hops of an order.
const (
	HopToSidecar = "app-to-sidecar"     // checkout->sidecar
	HopToPeer    = "sidecar-to-sidecar" // checkout->order-processor
	HopToApp     = "sidecar-to-app"     // order-processor->app
)

// Service finds a service by its app id; nil where there is none.
func (s *Scenario) Service(name string) *Service {
	for i := range s.Services {
		if s.Services[i].Name == name {
			return &s.Services[i]
		}
	}
	return nil
}

// Callers are the services that send orders, in the order of the file.
func (s *Scenario) Callers() []Service {
	var out []Service
	for _, v := range s.Services {
		if v.Sends != nil {
			out = append(out, v)
		}
	}
	return out
}

// Called tells whether a service gets orders from another.
func (s *Scenario) Called(name string) bool {
	for _, c := range s.Callers() {
		if c.Sends.To == name {
			return true
		}
	}
	return false
}

// IDs are the JSON paths at which orders that cross a link may have their ids.
func (p *Plan) IDs(l Link) []string {
	var out []string
	for _, c := range p.Scenario.Callers() {
		own := l.From == c.Name && l.Hop != HopToApp
		into := l.To == c.Sends.To && l.Hop == HopToApp
		if c.Sends.ID != "" && (own || into) && !slices.Contains(out, c.Sends.ID) {
			out = append(out, c.Sends.ID)
		}
	}
	return out
}

// Link finds a link by its name; nil where the plan has none.
func (p *Plan) Link(name string) *Link {
	for i := range p.Links {
		if p.Links[i].Name == name {
			return &p.Links[i]
		}
	}
	return nil
}

// HasDoor tells whether the timeline has a fault at the door that a link is: its tap must understand requests then.
func (p *Plan) HasDoor(l Link) bool {
	for _, s := range p.Scenario.Timeline {
		if s.Fault != nil && s.Fault.AtDoor() && s.Fault.Link == l.Name {
			return true
		}
	}
	return false
}

// NewPlan derives links, expected time and limits from a valid scenario and its spec (nil for none).
func NewPlan(s Scenario, spec *resiliency.Spec) Plan {
	p := Plan{Scenario: s, Links: links(s)}
	p.Expected, p.Limits = times(s, spec)
	return p
}

// links gives each caller its hop to its sidecar and to each service that it sends to, and each target its hop to its app.
func links(s Scenario) []Link {
	var out []Link
	for _, v := range s.Services {
		if v.Sends != nil {
			out = append(out,
				Link{Name: v.Name + "->sidecar", From: v.Name, To: v.Name, Hop: HopToSidecar},
				Link{Name: v.Name + "->" + v.Sends.To, From: v.Name, To: v.Sends.To, Hop: HopToPeer})
		}
	}
	for _, v := range s.Services {
		if v.Port > 0 {
			out = append(out, Link{Name: v.Name + "->app", From: v.Name, To: v.Name, Hop: HopToApp})
		}
	}
	return out
}
