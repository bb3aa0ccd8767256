package oracle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/halfopen/halfopen/harness/resiliency"
)

var endpointName = regexp.MustCompile(`^endpoint\[([^,\]]+), ([^\]]*)\]$`)

// target is the app that a line is about; "" where it does not tell.
func (s *Heard) target() string {
	if s.Kind == saidChanged {
		return breakerApp(s.Breaker)
	}
	if m := endpointName.FindStringSubmatch(s.Operation); m != nil {
		return m[1]
	}
	return ""
}

// retry is the policy that a line about retries speaks of. known is false where the line is about something that
// is not judged here, such as a component.
func (h *Hearing) retry(s *Heard) (r *resiliency.Retry, known bool) {
	switch {
	case s.target() != "":
		return h.policies(s.voice.service, s.target()).Retry, true
	case s.Operation != builtinName:
		return nil, false
	case h.apps:
		return h.own().Builtin, true
	}
	// The line does not tell which app was called: it may have been one that the spec does not name.
	return h.policies(s.voice.service, "").Builtin, true
}

// heardRetries: a Retrying line comes once an operation, of a policy that is in force, and tells its interval.
var heardRetries = HearingCheck{
	Name: retryLog.Name,
	Doc:  "each \"Retrying\" line is of a policy in force and tells its interval; it comes once an operation",
	Run: func(h *Hearing) Result {
		var t tally
		for _, v := range h.Voices {
			for _, s := range v.lines {
				if s.Kind == saidRetrying {
					t.interval(h, s)
				}
			}
		}
		t.onceEach(h)
		if p := h.own(); t.examined == 0 && p.Retry == nil && p.Builtin == nil {
			return notHere("no policy retries")
		} else if t.examined == 0 && h.apps {
			return notHere("no operation was retried, and no sidecar says so")
		}
		return t.result()
	},
}

func (t *tally) interval(h *Hearing, s *Heard) {
	r, known := h.retry(s)
	if !known {
		return
	}
	t.examined++
	if r == nil {
		t.find(Finding{
			What: fmt.Sprintf("%s's sidecar retries %s, and no retry policy is in force for it", s.voice.service, s.Operation),
			Want: "no retry", Got: clip(message(s.Line.Text)), Events: points(s.Line),
		})
		return
	}
	if want, wrong := wrongInterval(*r, s.Line.Text); wrong {
		t.find(Finding{
			What: fmt.Sprintf("%s's sidecar tells an interval of %s, the policy %s says %s", s.voice.service, s.gap, r.Name, want),
			Want: want, Got: s.gap, Events: points(s.Line),
		})
	}
}

// tellsInterval looks before a line is parsed, which is most of the work: the page's form tells none.
func tellsInterval(line string) bool { return strings.Contains(line, "Retrying in ") }

// wrongInterval tells whether a Retrying line tells an interval, and not its policy's, and what that is. It is the
// one before the first retry.
func wrongInterval(r resiliency.Retry, line string) (want string, wrong bool) {
	if !tellsInterval(line) {
		return "", false
	}
	m := toldGap.FindStringSubmatch(message(line))
	if m == nil {
		return "", false
	}
	lo, hi := r.Gap(1)
	want = lo.String()
	if lo != hi {
		want += " to " + hi.String()
	}
	got, err := time.ParseDuration(m[1])
	return want, err != nil || got < lo || got > hi
}

// onceEach holds the lines of the caller's sidecar against the requests that were on their way.
func (t *tally) onceEach(h *Hearing) {
	v := h.voice()
	if !h.apps || v == nil {
		return
	}
	taken := map[*told]bool{}
	for _, s := range v.lines {
		if s.Kind != saidRetrying || (s.target() != h.Target && s.Operation != builtinName) {
			continue
		}
		var first *told
		for _, o := range h.Orders {
			in := o.start-hearingSlack <= s.Line.At && s.Line.At <= o.end+hearingSlack
			if in && !taken[o] && (first == nil || o.end < first.end) {
				first = o
			}
		}
		if first == nil {
			t.find(Finding{
				What: fmt.Sprintf("%s's sidecar says that it retries where no request was on its way, or says so twice", h.Caller),
				Want: "one line an operation", Got: clip(message(s.Line.Text)), Events: points(s.Line),
			})
			continue
		}
		taken[first] = true
	}
	for _, o := range h.Orders {
		if len(o.receipts) < 2 || taken[o] || slices.ContainsFunc(h.Orders, func(p *told) bool { return p != o && taken[p] && p.start <= o.end && o.start <= p.end }) {
			continue
		}
		t.examined++
		t.find(Finding{
			What: fmt.Sprintf("order %s was retried, and its sidecar did not say so", o.id()), Want: "one Retrying line", Got: "none",
			Events: points(o.receipts[0].got, o.receipts[1].got),
		})
	}
}
