package oracle

import (
	"fmt"
	"math"
	"time"

	"github.com/halfopen/halfopen/harness/scenario"
)

// daprd keeps a gRPC connection to each other daprd. Once it breaks, it is dialled again by gRPC's back-off, and what
// is asked between two dials fails without touching the network, however often the policies ask. So it may recover
// later than they imply: at the first attempt after the dial that finds the target ready.
//
//	lost   dial ✗  dial ✗          dial ✗      ready          dial ✓  attempt ✓
//	──┼──────┼───────┼───────────────┼───────────┼──── ✗ ✗ ✗ ────┼───────┼─────▶
//	         └─ 1 s ─┘               └───── at most 1.2 × 1.6ⁿ ──┘ the spec's bound
//
// That explains a late recovery only as far as the evidence goes: attempts that were counted and did not cross, a
// connection dialled no later than the back-off allows, and an attempt that got through within the spec's bound of it.

// gRPC's back-off: the pause after the n-th failed dial in a row (n from 1) is 1 s ×1.6ⁿ⁻¹, at most 120 s, then
// jittered by a fifth.
//
// https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md
const (
	redialFirst  = time.Second
	redialGrowth = 1.6
	redialMost   = 120 * time.Second
	redialJitter = 0.2
)

// redialPause is the longest pause after so many failed dials in a row.
func redialPause(failed int) time.Duration {
	nominal := float64(redialFirst) * math.Pow(redialGrowth, float64(failed-1))
	return time.Duration(min(nominal, float64(redialMost)) * (1 + redialJitter))
}

// A redial is how a caller's sidecar came by the connection over which it recovered.
type redial struct {
	ready  time.Duration
	before time.Duration // its last dial that failed
	at     time.Duration // the dial that got through; 0 for none until till
	till   time.Duration // when that was looked for no longer
	why    string        // why that does not explain a late recovery; "" where it does
}

// causeRedial is the cause of a finding that a redial explains.
const causeRedial = "redial"

func (d redial) cause() string {
	if d.why != "" {
		return ""
	}
	return causeRedial
}

func (d redial) String() string {
	if d.why != "" {
		return "which no back-off of its dialling explains: " + d.why
	}
	text := fmt.Sprintf("for it dials again by a back-off of its own: last %s before the target was ready", since(d.before, d.ready))
	if d.before > d.ready {
		text = fmt.Sprintf("for it dials again by a back-off of its own: last when the target was ready %s", since(d.ready, d.before))
	}
	if d.at == 0 {
		return text + ", and not again in " + since(d.ready, d.till)
	}
	return text + fmt.Sprintf(", then %s after it", since(d.ready, d.at))
}

// redialled tells whether the back-off of a caller's sidecar explains that it recovered with an order no sooner after
// readiness; o is nil where it did not until then.
func (r *Reading) redialled(c scenario.Service, ready, till time.Duration, o *Operation) (d redial) {
	d.ready, d.till = ready, till
	link := toPeer(c)
	if r.hiddenAttempts(c, ready, till) == 0 {
		d.why = "no attempt was counted meanwhile that did not cross"
		return d
	}
	var asked time.Duration // the last attempt that crossed before
	for _, x := range r.on(link).exchanges {
		switch at := x.Start(); {
		case x.Hidden():
		case at < ready:
			asked = at
		case at <= till && x.Failed():
			d.why = fmt.Sprintf("an attempt crossed %s after readiness and failed", since(ready, at))
			return d
		}
	}
	d.at = r.began(link, o, ready)
	if d.at > till {
		d.at = 0
	}
	failed := 0
	for _, dial := range r.on(link).dials {
		if dial.lo < asked || dial.lo >= till || d.at > 0 && dial.lo >= d.at {
			continue
		}
		if dial.lo > r.late(ready) {
			d.why = fmt.Sprintf("a dial failed %s after readiness", since(ready, dial.lo))
			return d
		}
		failed++
		d.before = max(d.before, dial.hi)
	}
	bound, _ := r.Spec.For(c.Name, c.Sends.To).RecoveryBound(c.Sends.Every, c.Sends.Timeout)
	due := d.before + redialPause(failed)
	switch {
	case failed == 0:
		d.why = "no dial had failed before"
	case o != nil && d.at <= ready:
		d.why = "the connection that got through was there before"
	case d.at == 0 && till > r.late(due):
		d.why = fmt.Sprintf("it had to dial again within %s of the %s failed dial, and did not in %s", short(redialPause(failed)), ordinal(failed), since(d.before, till))
	case d.at > r.late(due):
		d.why = fmt.Sprintf("it had to dial again within %s of the %s failed dial, and took %s", short(redialPause(failed)), ordinal(failed), since(d.before, d.at))
	case d.at > 0 && till > r.late(d.at+bound+r.busy(c, d.at, o))+r.delay(c.Name+"->sidecar", r.Ended):
		d.why = fmt.Sprintf("it dialled again %s after readiness, and the spec implies at most %s from there", since(ready, d.at), short(bound))
	}
	return d
}

// began is when the connection began over which an order got through; for none the first one after readiness, 0 where
// there was none.
func (r *Reading) began(link string, o *Operation, ready time.Duration) time.Duration {
	for _, a := range r.on(link).accepts {
		if o == nil && a.at > ready {
			return a.at
		}
		if o != nil && len(o.Attempts) > 0 && a.conn == o.Attempts[len(o.Attempts)-1].Request.Conn {
			return a.at
		}
	}
	return 0
}
