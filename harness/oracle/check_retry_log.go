package oracle

import (
	"fmt"

	"github.com/halfopen/halfopen/harness/history"
)

// retryLog: Dapr says "Retrying" once an operation, however many attempts follow.
var retryLog = Check{
	Name: "retry-log",
	Doc:  "each operation that is retried is told once, by one \"Retrying\" line at its first failure",
	Run: func(r *Reading) Result {
		var t tally
		used := map[int]bool{}
		for _, o := range r.Operations {
			if o.Policies.Retry == nil && o.Policies.Builtin == nil {
				continue
			}
			t.retrying(r, o, used)
		}
		for i, s := range r.Said {
			if s.Kind == saidRetrying && !used[i] && s.Line.At <= r.Ended {
				t.examined++
				t.find(Finding{
					What: fmt.Sprintf("%s's sidecar says that it retries where no operation's first failure was seen, or says so twice", s.Line.Service),
					Want: "one line an operation", Got: clip(message(s.Line.Text)), Events: points(s.Line),
				})
			}
		}
		if t.examined == 0 {
			return notHere("no operation was retried, and no sidecar says so")
		}
		return t.result()
	},
}

// retrying looks for the line of one operation.
func (t *tally) retrying(r *Reading, o *Operation, used map[int]bool) {
	if len(o.Attempts) == 0 || !o.Attempts[0].Failed() {
		return
	}
	failed, _ := o.Attempts[0].End()
	retried := len(o.Attempts) > 1
	for i, s := range r.Said {
		named := s.Operation == endpoint(o.Target, o.Path) || (o.Policies.Builtin != nil && s.Operation == o.Policies.Builtin.Name)
		if s.Kind == saidRetrying && !used[i] && named && s.Line.Service == o.Caller && r.around(s.Line.At, failed) {
			used[i] = true
			t.examined++
			return
		}
	}
	if !retried || !r.owed(o, 1) {
		return
	}
	t.examined++
	if why := silent(r, o.Caller); why != "" {
		t.doubt("%s", why)
		return
	}
	t.find(Finding{
		What: fmt.Sprintf("%s was retried, and its sidecar did not say so at its first failure", o.order()),
		Want: "Error processing operation " + endpoint(o.Target, o.Path) + ". Retrying...", Got: "no such line within " + short(turnaround+r.Slack.Upper),
		Events: points(o.Attempts[0].last(), o.Attempts[1].Request),
	})
}

// silent says that nothing at all was heard of a sidecar, so that its silence means nothing.
func silent(r *Reading, service string) string {
	for _, e := range r.lines {
		if e.Service == service && e.Part == history.Sidecar {
			return ""
		}
	}
	return "not one line of " + service + "'s sidecar was recorded"
}
