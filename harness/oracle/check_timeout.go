package oracle

import (
	"fmt"
	"time"
)

// attemptTimeout: the timeout is for each attempt, with the built-in retries of it, not for the operation. Its clock starts before the tap sees the
// attempt and ends when the answer begins.
var attemptTimeout = Check{
	Name: "attempt-timeout",
	Doc:  "each attempt is given up at the policy's timeout, not before and not after, and none without such a policy",
	Run: func(r *Reading) Result {
		var t tally
		inPlay := false
		for _, o := range r.Operations {
			inPlay = inPlay || o.Policies.Timeout != nil
			for i, x := range o.Attempts {
				t.timeout(r, o, i, x)
			}
		}
		if !inPlay && t.examined == 0 {
			return notHere("no call has a timeout")
		}
		return t.result()
	},
}

func (t *tally) timeout(r *Reading, o *Operation, i int, x *Exchange) {
	limit := o.Policies.Timeout
	due := x.limit // what was left of it
	end, ended := x.End()
	until := end
	switch {
	case x.Response != nil:
		until = x.Response.At
	case !ended:
		until = r.Ended
	}
	took := until - x.Start()
	left := ended && x.left() && !r.callerLeft(o, end)
	switch {
	case limit == nil && !left:
		return
	case limit == nil:
		t.examined++
		t.find(Finding{
			What: fmt.Sprintf("attempt %d of %s was given up by %s's sidecar after %s, and no timeout says so", i+1, o.order(), o.Caller, short(took)),
			Want: "an answer, however long it takes", Got: "given up after " + short(took), Events: points(x.Request, x.last()),
		})
		return
	}
	t.examined++
	switch {
	case left && until-x.earliest() < due-r.Slack.most()-r.Slack.Lower:
		t.find(Finding{
			What: fmt.Sprintf("attempt %d of %s was given up after %s, the policy's timeout is %s", i+1, o.order(), short(took), *limit),
			Want: "not before " + limit.String(), Got: short(took), Events: points(x.Request, x.last()),
		})
	case took > r.late(due):
		t.late(r, Finding{
			What: fmt.Sprintf("attempt %d of %s was waited for %s, the policy's timeout is %s", i+1, o.order(), short(took), *limit),
			Want: "given up after " + limit.String(), Got: short(took), Events: points(x.Request, x.last()),
		}, until, x.Start()+due, *limit)
	default:
		t.excused(r, until, x.Start()+due, *limit)
	}
}

// callerLeft tells whether an attempt that was given up at a moment was so because nobody waited for it any more.
func (r *Reading) callerLeft(o *Operation, at time.Duration) bool {
	return (o.gaveUp() && o.Close.At <= r.late(at)) || r.sidecarGone(o.Caller, at, at)
}
