package oracle

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/scenario"
)

// A turn is what the policies say comes after an attempt that failed: another one after a pause, or none.
type turn struct {
	may     bool          // another attempt may follow
	sure    bool          // it must, unless something ends the operation
	builtin bool          // it would be a built-in retry, within the same try of the policy
	first   bool          // it would be the first of its kind: the one that is told by a "Retrying" line
	round   int           // of built-in retries: which try of the policy they are in, from 0
	pause   window        // before it
	cut     time.Duration // when the policy's timeout ended its try in the pause before a built-in retry; 0 where it did not
	begun   bool          // that retry would have been the first of its try, and was told
	unclear bool          // the timeout may have, and that retry may have come first
}

// whole tells whether the pause is the policy's own, and nothing else.
func (t turn) whole() bool { return t.may && !t.builtin && t.cut == 0 }

// A window is a time within which something is due.
type window struct{ lo, hi time.Duration }

// turn fills in the turn after each attempt of an operation. Dapr nests retry policies: one try of the policy's own, which
// the breaker admits and the timeout bounds, is an attempt and the built-in retries of it. Those act only where the
// target's sidecar can't be reached.
//
// https://github.com/dapr/dapr/blob/v1.18.3/pkg/messaging/direct_messaging.go (invokeWithRetry)
func (o *Operation) turn(s Slack) {
	p, b := o.Policies.Retry, o.Policies.Builtin
	tries, within := 1, 0 // of the policy, and built-in retries within this one
	began := o.Start()
	var first *Exchange // of this try
	for i, x := range o.Attempts {
		if first == nil {
			first = x
		}
		if limit := o.Policies.Timeout; limit != nil {
			if x.limit = *limit; x.limit > 0 {
				x.limit = max(*limit-(x.Start()-first.Start()), 1)
			}
		}
		at, ended := x.End()
		if !ended || x.OK() && !x.overdue() {
			continue
		}
		t := turn{may: true, sure: !x.either(), round: tries - 1}
		once := o.body == sentOnce
		inner := b != nil && !once && unreachable(x) && within < b.MaxRetries && inTime(b, within+1, at-first.Start(), s, &t)
		if inner {
			t.builtin, t.first = true, within == 0
			t.pause.lo, t.pause.hi = b.Gap(within + 1)
			inner = o.uncut(i, first, s, &t)
		}
		if inner {
			within++
		} else {
			left := t.pause // until the timeout ends this try
			switch {
			case once && !x.mayTimeOut(s):
				t.may = false
			case p != nil && acts(p, x) && (p.MaxRetries == resiliency.Forever || tries <= p.MaxRetries) && inTime(p, tries, max(at, t.cut)-began, s, &t):
				lo, hi := p.Gap(tries)
				t.pause = window{left.lo + lo, left.hi + hi}
				t.builtin, t.first, t.round = false, tries == 1, 0
			default:
				t.may = false
			}
			if !t.may {
				t = turn{cut: t.cut, begun: t.begun, unclear: t.unclear}
			}
			tries, within, first = tries+1, 0, nil
		}
		t.sure = t.sure && !t.unclear && (o.body == sentAgain || once && x.timedOut())
		o.Turns[i] = t
	}
}

// uncut tells whether the pause before a built-in retry goes by before the policy's timeout ends the try that it is of.
// Where it does not, the turn's pause is what was left until then.
func (o *Operation) uncut(i int, first *Exchange, s Slack, t *turn) bool {
	limit := o.Policies.Timeout
	if limit == nil || *limit <= 0 {
		return true
	}
	at, _ := o.Attempts[i].End()
	soonest := first.earliest() + *limit - s.most() // the sidecar's clock began before the attempt crossed
	latest := first.Start() + *limit
	retry := at + t.pause.lo
	over, ended := o.End()
	cut := retry > latest
	switch near := retry <= latest+s.most() && at+t.pause.hi >= soonest; {
	case i+1 == len(o.Attempts) && ended && over < soonest: // neither came
		cut = false
	case !near:
	case i+1 == len(o.Attempts):
		cut, t.unclear = ended, !ended
	case o.Policies.Retry == nil:
		cut = false
	default: // the nearer one
		gap, _ := o.Policies.Retry.Gap(1)
		next := o.Attempts[i+1].Start()
		cut = (next - latest - gap).Abs() < (next - retry).Abs()
		t.unclear = gap <= 4*s.most()
	}
	if !cut {
		return true
	}
	t.cut, t.begun = max(latest, at), t.first
	t.pause = window{max(first.earliest()+*limit-at, 0), max(latest-at, 0)}
	return false
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

// goesOn tells whether an attempt was followed by a built-in retry, within the same try of the policy.
func (o *Operation) goesOn(i int) bool { return i+1 < len(o.Attempts) && o.Turns[i].builtin }

// tryOver is when the try of the policy was over that an attempt was the last one of, as Exchange.over has it: where a pause
// was to come, that is when the timeout, or the end of the operation, ended that.
func (r *Reading) tryOver(o *Operation, i int) (from, at time.Duration, ended bool) {
	from, at, ended = o.Attempts[i].over(r.Slack)
	t := o.Turns[i]
	switch {
	case t.cut > 0:
		return max(from, t.cut-r.Slack.most()), t.cut, ended
	case t.builtin:
		at, ended = o.End()
	}
	return from, at, ended
}

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

// left tells whether an operation's caller may have been gone when its sidecar took it, because the link between them was
// slow, or it left at once. What the sidecar begins then may end before it crosses.
func (r *Reading) left(o *Operation) bool {
	if !o.gaveUp() {
		return false
	}
	if o.by == "client" && o.Close.At <= r.late(o.Start()) {
		return true // in the moment of its sending
	}
	return slices.ContainsFunc(r.Faults, func(f *Fault) bool {
		if f.Link != o.Link.Name || f.Injected == nil || f.Direction == "response" || f.Healed != nil && f.Healed.At < o.Start() {
			return false
		}
		switch f.Kind {
		case scenario.Latency:
			return f.Injected.At <= o.Close.At && o.Close.At <= r.late(o.Start()+f.Delay+f.Jitter)
		case scenario.Bandwidth, scenario.Slice:
			return len(o.Attempts) == 0
		}
		return false
	})
}

// gaveUp tells whether the caller left before it was answered, or was torn from its sidecar by a fault on the link.
func (o *Operation) gaveUp() bool {
	return o.Close != nil && (o.torn || o.by == "client")
}

// unclear tells whether it is unknown if a timeout or a built-in retry came first.
func (o *Operation) unclear() bool {
	return slices.ContainsFunc(o.Turns, func(t turn) bool { return t.unclear })
}
