package oracle

import (
	"regexp"
	"strconv"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A turn is what the policies say comes after an attempt that failed: another one after a pause, or none.
type turn struct {
	may     bool   // another attempt may follow
	sure    bool   // it must, unless something ends the operation
	builtin bool   // it would be a built-in retry, around the policy's own
	first   bool   // it would be the first of its kind: the one that is told by a "Retrying" line
	round   int    // of the policy's retries within the built-in ones, from 0
	pause   window // before it
}

// A window is a time within which something is due.
type window struct{ lo, hi time.Duration }

// turn fills in the turn after each attempt of an operation. Dapr nests retry policies: the policy's own retries are
// one try of the built-in ones, which act only where the target's sidecar can't be reached.
func (o *Operation) turn(s Slack) {
	p, b := o.Policies.Retry, o.Policies.Builtin
	tries, rounds := 0, 0 // of the policy in this round, and of the built-in retries
	began := o.Start()
	for i, x := range o.Attempts {
		tries++
		at, ended := x.End()
		if !ended || x.OK() && !x.overdue() {
			continue
		}
		t := turn{may: true, sure: !x.either(), round: rounds}
		once := o.body == sentOnce
		switch {
		case once && !x.mayTimeOut(s):
			t = turn{}
		case p != nil && acts(p, x) && (p.MaxRetries == resiliency.Forever || tries <= p.MaxRetries) && inTime(p, tries, at-began, s, &t):
			t.pause.lo, t.pause.hi = p.Gap(tries)
			t.first = tries == 1
		case b != nil && !once && unreachable(x) && rounds < b.MaxRetries:
			t.builtin, t.first = true, rounds == 0
			t.pause.lo, t.pause.hi = b.Gap(rounds + 1)
			tries = 0
			rounds++
			began = at + t.pause.lo
		default:
			t = turn{}
		}
		t.sure = t.sure && (o.body == sentAgain || once && x.timedOut())
		o.Turns[i] = t
	}
}

// A resending is what a sidecar does with a request's body when it tries again.
type resending int

const (
	sentAgain     resending = iota
	sentOnce                // it can't be sent again: only a timeout is followed by a retry, and that is empty
	maybeSentOnce           // an older release of daprd, or one that nobody knows
)

// resendsChunked tells what the run's sidecar does with a chunked body: since daprd 1.17.2 it is sent once.
func resendsChunked(h history.Header) resending {
	if h.Sidecar != scenario.Daprd {
		return sentOnce
	}
	m := patch.FindStringSubmatch(h.SidecarVersion)
	if m == nil {
		return maybeSentOnce
	}
	minor, _ := strconv.Atoi(m[1]) // at most four digits
	third, _ := strconv.Atoi(m[2])
	if minor > 17 || minor == 17 && third >= 2 {
		return sentOnce
	}
	return maybeSentOnce
}

var patch = regexp.MustCompile(`^v?1\.(\d{1,4})\.(\d{1,4})(?:-|$)`)

// timedOut tells whether who asked left an attempt when the policy's timeout was over.
func (x *Exchange) timedOut() bool {
	return x.limit > 0 && x.Close != nil && x.by == "client" && x.end-x.start >= x.limit-observer
}

// mayTimeOut tells whether the policy's timeout may have ended an attempt. It began before the attempt crossed.
func (x *Exchange) mayTimeOut(s Slack) bool {
	return x.limit > 0 && (x.Hidden() || x.end-x.start >= x.limit-x.waited-max(observer, s.most()))
}

// acts tells whether a policy retries what an attempt came to: a failing status that it matches, or no answer.
func acts(p *resiliency.Retry, x *Exchange) bool {
	return !x.Answered() || x.overdue() || x.Own() || p.Retries(x.Status())
}

// inTime tells whether the next gap of an exponential retry may still end within the fifteen minutes. Where it
// might not, no attempt is owed.
func inTime(p *resiliency.Retry, n int, elapsed time.Duration, s Slack, t *turn) bool {
	if p.Policy != resiliency.Exponential {
		return true
	}
	shortest, longest := p.Gap(n)
	t.sure = t.sure && elapsed+longest < resiliency.MaxElapsed
	return elapsed+shortest <= resiliency.MaxElapsed+s.Upper
}

// unreachable tells whether an attempt found no sidecar to talk to, or lost it in the middle of the request.
func unreachable(x *Exchange) bool { return x.Close != nil && x.by != "client" }

// next is the turn after the last attempt of an operation.
func (o *Operation) next() turn {
	if len(o.Turns) == 0 {
		return turn{}
	}
	return o.Turns[len(o.Turns)-1]
}

// torn tells whether a fault on the link of an operation ended its connection: the tap by itself, or Toxiproxy
// behind it, which the tap sees as an end by the sidecar.
func (r *Reading) torn(o *Operation) bool {
	if o.Close == nil || o.by == "client" {
		return false
	}
	for _, f := range r.Faults {
		if f.Link == o.Link.Name && f.Injected != nil && f.Injected.At <= o.Close.At &&
			(f.Healed == nil || r.late(f.Healed.At) >= o.Start()) {
			return true
		}
	}
	return false
}

// gaveUp tells whether the caller left before it was answered, or was torn from its sidecar by a fault on the link.
func (o *Operation) gaveUp() bool {
	return o.Close != nil && (o.torn || o.by == "client")
}
