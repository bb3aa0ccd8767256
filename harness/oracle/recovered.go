package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// recovered holds the "Recovered" lines against the operations that succeeded after retries: each has one, with the
// number of its attempts where the version tells it. Where built-in retries lie within a policy's own, what is told
// of which is not looked at.
func (t *tally) recovered(r *Reading) {
	told := map[spoken][]*Said{}
	for i := range r.Said {
		if s := &r.Said[i]; s.Kind == saidRecovered {
			k := spoken{s.Line.Service, s.Operation}
			told[k] = append(told[k], s)
		}
	}
	for _, d := range r.recoveries() {
		o, from, to := d.o, d.from, d.at
		t.examined++
		t.about = o
		k, n := spoken{o.Caller, o.retried()}, len(o.Attempts)
		best := -1 // the line that is about it: with its count before one without any, before one with another
		for i, s := range told[k] {
			if s.Line.At < from || s.Line.At > to {
				continue
			}
			if best < 0 || told[k][best].Attempts != n && (s.Attempts == n || s.Attempts == 0 && told[k][best].Attempts != 0) {
				best = i
			}
		}
		switch {
		case best < 0 && !r.heard[o.Caller]:
			t.doubt("not one line of %s's sidecar was recorded", o.Caller)
		case best < 0:
			t.find(Finding{
				What: fmt.Sprintf("%s succeeded after %s, and its sidecar did not say that it recovered", o.order(), attempts(n)),
				Want: "Recovered processing operation " + o.retried(), Got: "no such line within " + short(r.Slack.most()), Events: points(o.last()),
			})
		case told[k][best].Attempts != n && told[k][best].Attempts != 0:
			t.find(Finding{
				What: fmt.Sprintf("%s's sidecar says that it recovered after %s, and %s of %s were seen", o.Caller, attempts(told[k][best].Attempts), attempts(n), o.order()),
				Want: attempts(n), Got: clip(message(told[k][best].Line.Text)), Events: points(told[k][best].Line, o.last()),
			})
		}
		if best >= 0 {
			told[k] = slices.Delete(told[k], best, best+1)
		}
	}
	t.about = nil
}

// recovers tells within what time an operation's "Recovered" line is due; false where none is.
func (r *Reading) recovers(o *Operation) (from, to time.Duration, due bool) {
	n := len(o.Attempts)
	if n < 2 || !o.Attempts[n-1].OK() || !o.Answered() || (o.Policies.Retry != nil && o.Policies.Builtin != nil) {
		return 0, 0, false
	}
	for _, turn := range o.Turns[:n-1] {
		if !turn.may {
			return 0, 0, false // that it was retried at all is retry-count's to find
		}
	}
	end, _ := o.End()
	from, _, _ = o.Attempts[n-1].over(r.Slack)
	to = r.late(end)
	return from - r.Slack.Lower - mostUncertain, to, end <= r.until()
}

// retried is what an operation's retries are told under.
func (o *Operation) retried() string {
	if o.Policies.Retry == nil && o.Policies.Builtin != nil {
		return o.Policies.Builtin.Name
	}
	return endpoint(o.Target, o.Path)
}

// A recoveryDue is an operation whose recovery is to be told, and when.
type recoveryDue struct {
	o        *Operation
	from, at time.Duration
}

// recoveries are those that are due, by the end of the time in which they are: so that a line which more than one
// may have said goes to the one that can't wait.
func (r *Reading) recoveries() []recoveryDue {
	var out []recoveryDue
	for _, o := range r.Operations {
		if from, at, due := r.recovers(o); due {
			out = append(out, recoveryDue{o, from, at})
		}
	}
	slices.SortStableFunc(out, func(a, b recoveryDue) int { return cmp.Compare(a.at, b.at) })
	return out
}
