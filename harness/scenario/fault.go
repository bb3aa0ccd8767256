package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/document"
	"github.com/halfopen/halfopen/harness/history"
)

// Kinds of faults: on a service, on a link, and at an app's door.
const (
	Stop    = "stop"    // SIGTERM, and a new start when healed
	Kill    = "kill"    // SIGKILL, and a new start when healed
	Pause   = "pause"   // SIGSTOP and SIGCONT
	Restart = "restart" // SIGTERM, and a new start at once

	Cut       = "cut"        // a link swallows everything
	Refuse    = "refuse"     // a link resets whoever connects
	Reset     = "reset"      // a link resets its connections, old and new
	Latency   = "latency"    // a link delays
	Bandwidth = "bandwidth"  // a link is slow
	Slice     = "slice"      // a link passes a few bytes at a time
	SlowClose = "slow-close" // a link passes the end of a connection late
	Limit     = "limit"      // a link closes a connection after so many bytes

	Respond = "respond" // an app's door answers instead of the app
	Hang    = "hang"    // an app's door takes requests and never answers
	Slow    = "slow"    // an app's door holds requests back
)

// A Fault breaks one thing and carries what its healing needs.
type Fault struct {
	Name      string        // for a later heal; stop-order-processor by default (kind and target)
	Kind      string        // one of the kinds above
	Service   string        // the target of faults on a service or at its door
	Part      string        // "" for app and sidecar, else history.App or history.Sidecar alone
	Link      string        // the target of the others, and an app's door: order-processor->app
	For       time.Duration // heals itself after so long; 0: a later heal step does it
	Delay     time.Duration `json:",omitempty"` // latency, slice (between pieces), slow-close, slow; reset: how long after the connection
	Jitter    time.Duration `json:",omitempty"` // latency, plus or minus
	Direction string        `json:",omitempty"` // request | response | both (default): cut, latency, bandwidth, slice, slow-close, limit
	Rate      int64         `json:",omitempty"` // bandwidth, in kilobytes a second
	Bytes     int64         `json:",omitempty"` // slice: of a piece; limit: of a connection, one way

	// At an app's door: which requests it is about. All of them where none of these is set.
	Path  string  `json:",omitempty"` // those to this path; * stands for anything but a slash
	First int     `json:",omitempty"` // the first so many of them
	Ratio float64 `json:",omitempty"` // this share of them, drawn from Seed
	Seed  int64   `json:",omitempty"`

	Status     int           `json:",omitempty"` // respond
	RetryAfter time.Duration `json:",omitempty"` // respond: told in whole seconds
}

// Target is what the fault breaks, for people: `order-processor`, `order-processor/app`, `checkout->order-processor`.
func (f Fault) Target() string {
	switch {
	case f.Link != "":
		return f.Link
	case f.Part != "":
		return f.Service + "/" + f.Part
	}
	return f.Service
}

// AtDoor tells whether it is done in the tap in front of an app, which must understand requests for it.
func (f Fault) AtDoor() bool { return slices.Contains(doorFaults, f.Kind) }

// String says what a fault breaks and for how long.
func (f Fault) String() string {
	text := f.Kind + " " + f.Target()
	switch f.Kind {
	case Latency, Slow, SlowClose:
		text += " by " + f.Delay.String()
		if f.Jitter > 0 {
			text += " ±" + f.Jitter.String()
		}
	case Respond:
		text += " with " + strconv.Itoa(f.Status)
	case Bandwidth:
		text += fmt.Sprintf(" at %d KB/s", f.Rate)
	case Slice:
		text += fmt.Sprintf(" into %d bytes", f.Bytes)
	case Limit:
		text += fmt.Sprintf(" to %d bytes", f.Bytes)
	}
	switch {
	case f.First > 0:
		text += fmt.Sprintf(" (the first %d)", f.First)
	case f.Ratio > 0:
		text += fmt.Sprintf(" (%g %% of them)", f.Ratio*100)
	}
	if f.For > 0 {
		text += " for " + f.For.String()
	}
	return text
}

// Kinds of faults by what they break.
var (
	serviceFaults = []string{Stop, Kill, Pause, Restart}
	linkFaults    = []string{Cut, Refuse, Reset, Latency, Bandwidth, Slice, SlowClose, Limit}
	doorFaults    = []string{Respond, Hang, Slow}
)

// details are the fields that belong to some kinds only.
var details = map[string][]string{
	"only":       serviceFaults,
	"delay":      {Latency, Slice, SlowClose, Slow},
	"after":      {Reset},
	"jitter":     {Latency},
	"direction":  {Cut, Latency, Bandwidth, Slice, SlowClose, Limit},
	"rate":       {Bandwidth},
	"bytes":      {Slice, Limit},
	"path":       doorFaults,
	"first":      doorFaults,
	"ratio":      doorFaults,
	"status":     {Respond},
	"retryAfter": {Respond},
	"for":        slices.Concat(serviceFaults[:3], linkFaults, doorFaults),
}

// inMilliseconds are the kinds whose times Toxiproxy takes in whole milliseconds.
var inMilliseconds = []string{Latency, SlowClose, Reset}

// needed are the details that a kind can't do without, with an example.
var needed = map[string][][2]string{
	Latency: {{"delay", "300ms"}}, SlowClose: {{"delay", "300ms"}}, Slow: {{"delay", "300ms"}},
	Bandwidth: {{"rate", "10 (kilobytes a second)"}}, Slice: {{"bytes", "64"}}, Limit: {{"bytes", "1024"}},
	Respond: {{"status", "503"}},
}

func (p *parser) fault(v document.Value) *Fault {
	told := len(v.Problems())
	p.broke = true
	f := v.Fields().Known(slices.Concat([]string{"name", "for", "only"}, slices.Collect(maps.Keys(details)), serviceFaults, linkFaults, doorFaults)...)
	out := &Fault{Name: f.Get("name").Text(), For: span(f.Get("for"), 0)}
	if w := f.Get("for"); w.Set() {
		if d, err := time.ParseDuration(w.Text()); err == nil && d == 0 {
			w.Problem("lasts no time at all", "for: 45s")
		}
	}
	var target document.Value
	found := 0
	for _, kind := range slices.Concat(serviceFaults, linkFaults, doorFaults) {
		if w := f.Get(kind); w.Set() {
			out.Kind, target = kind, w
			found++
		}
	}
	p.details(f, out)
	f.Done()
	if found != 1 {
		v.Problem("must break one thing", "stop: order-processor")
		if out.Name == "" {
			p.vague = slices.Concat(p.vague, serviceFaults, linkFaults, doorFaults)
		} else if p.faults[out.Name] == nil {
			p.faults[out.Name] = &open{at: v, healed: true, vague: true}
		}
		return out
	}
	unknown := len(p.unknown)
	p.faultTarget(target, out)
	if out.Name == "" && (len(v.Problems()) > told || len(p.unknown) > unknown) {
		p.vague = append(p.vague, out.Kind)
	}
	p.remember(v, out, out.For > 0 || f.Get("for").Set() || out.Kind == Restart)
	return out
}

// faultTarget reads what is to be broken.
func (p *parser) faultTarget(target document.Value, out *Fault) {
	if slices.Contains(linkFaults, out.Kind) {
		out.Link = target.Text()
		p.links = append(p.links, target)
		return
	}
	out.Service = target.Text()
	s := p.s.Service(out.Service)
	switch {
	case s == nil:
		p.unknownService(target)
	case !out.AtDoor():
	case s.Port == 0 && p.doubtful[s.Name]:
	case s.Port == 0:
		target.Problem(s.Name+" listens nowhere: it has no door", "name a service that is called")
	default:
		out.Link, out.Seed = s.Name+"->app", p.s.Seed
	}
}

// details reads what belongs to some kinds only.
func (p *parser) details(f *document.Fields, out *Fault) {
	for _, name := range slices.Sorted(maps.Keys(details)) {
		if v := f.Get(name); v.Set() && out.Kind != "" && !slices.Contains(details[name], out.Kind) {
			v.Problem("belongs to "+strings.Join(details[name], ", "), "remove it")
		}
	}
	for _, need := range needed[out.Kind] {
		f.Need(need[0], need[0]+": "+need[1])
	}
	out.Part = f.Get("only").Text()
	if v := f.Get("only"); v.Set() && out.Part != history.App && out.Part != history.Sidecar {
		v.Problem(fmt.Sprintf("%q: want app or sidecar", out.Part), "leave it out for both")
	}
	out.Delay = cmp.Or(span(f.Get("delay"), 0), span(f.Get("after"), 0))
	out.Jitter = span(f.Get("jitter"), 0)
	if v := f.Get("delay"); v.Set() && out.Delay == 0 && out.Kind != Slice {
		v.Problem("is no delay: the fault would do nothing", "delay: 300ms")
	}
	for i, name := range []string{"delay", "after", "jitter"} {
		d := []time.Duration{out.Delay, out.Delay, out.Jitter}[i]
		if v := f.Get(name); v.Set() && d > 0 && d < time.Millisecond && slices.Contains(inMilliseconds, out.Kind) {
			v.Problem("is less than a millisecond: it would be none at all", name+": 300ms")
		}
	}
	if v := f.Get("jitter"); v.Set() && out.Delay > 0 && out.Jitter >= out.Delay {
		v.Problem("is not less than the delay: nobody could tell it from no fault at all", "a third of the delay, say")
	}
	out.Direction = f.Get("direction").Text()
	if v := f.Get("direction"); v.Set() && !slices.Contains([]string{"request", "response", "both"}, out.Direction) {
		v.Problem(fmt.Sprintf("%q: want request, response or both", out.Direction), "leave it out for both")
	}
	out.Rate, out.Bytes = atLeastOne(f.Get("rate")), atLeastOne(f.Get("bytes"))
	p.choice(f, out)
}

// choice reads which requests a fault at a door is about, and what it answers.
func (p *parser) choice(f *document.Fields, out *Fault) {
	out.Path = strings.Trim(f.Get("path").Text(), "/")
	if _, err := path.Match(out.Path, ""); err != nil {
		f.Get("path").Problem(fmt.Sprintf("%q is no pattern: it would match nothing", out.Path), "* stands for anything but a slash: path: orders/*")
	}
	out.First = int(atLeastOne(f.Get("first")))
	if v := f.Get("ratio"); v.Set() {
		ratio, err := strconv.ParseFloat(v.Text(), 64)
		if err != nil || !(ratio > 0 && ratio <= 1) {
			v.Problem(fmt.Sprintf("%q is no share", v.Text()), "above 0 and at most 1: ratio: 0.6")
		}
		out.Ratio = ratio
		if out.First > 0 {
			v.Problem("stands beside first", "keep one of them")
		}
	}
	out.RetryAfter = span(f.Get("retryAfter"), 0)
	if out.RetryAfter%time.Second != 0 {
		f.Get("retryAfter").Problem("HTTP tells it in whole seconds", "retryAfter: 2s")
	}
	out.Status = f.Get("status").Int(0)
	if v := f.Get("status"); v.Set() && (out.Status < 200 || out.Status > 999) {
		v.Problem(fmt.Sprintf("%q is no status of a final answer", v.Text()), "200 to 999: status: 503")
	}
}

// atLeastOne reads a number that is positive; 0 where it is absent.
func atLeastOne(v document.Value) int64 {
	n := v.Int(0)
	if v.Set() && n < 1 {
		v.Problem("fewer than one", "1 or more")
		return 0
	}
	return int64(n)
}
