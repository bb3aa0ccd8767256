package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/halfopen/halfopen/harness/history"
)

// retryLog: Dapr says "Retrying" once an operation, however many attempts follow, and "Recovered" when one of them
// succeeds. Giving up is not told.
var retryLog = Check{
	Name: "retry-log",
	Doc:  "each operation that is retried is told once, by one \"Retrying\" line at its first failure, and by a \"Recovered\" line where it succeeds",
	Run: func(r *Reading) Result {
		var t tally
		said := map[spoken]*talk{}
		for i := range r.Said {
			if s := &r.Said[i]; s.Kind == saidRetrying {
				k := spoken{s.Line.Service, s.Operation}
				if said[k] == nil {
					said[k] = &talk{}
				}
				said[k].lines, said[k].at = append(said[k].lines, s), append(said[k].at, s.Line.At)
			}
		}
		for _, d := range r.retellings() {
			heard := said[spoken{d.o.Caller, d.name}].take(d.from-r.Slack.Lower-mostUncertain, r.late(d.at))
			if heard || d.must {
				t.examined++
			}
			if heard || !d.must {
				continue
			}
			if !r.heard[d.o.Caller] {
				t.doubt("not one line of %s's sidecar was recorded", d.o.Caller)
				continue
			}
			t.about = d.o
			t.find(Finding{
				What: fmt.Sprintf("%s was retried, and its sidecar did not say so at its first failure", d.o.order()),
				Want: "Error processing operation " + d.name + ". Retrying...", Got: "no such line within " + short(r.Slack.most()),
				Events: points(d.o.Attempts[d.n].last(), d.o.after(d.n)),
			})
		}
		t.about = nil
		t.untrue(r, said)
		t.intervals(r)
		t.recovered(r)
		if t.examined == 0 {
			return notHere("no operation was retried, and no sidecar says so")
		}
		return t.result()
	},
}

// intervals holds what lines tell of the pause to come against the policy. Older wordings tell nothing of it.
func (t *tally) intervals(r *Reading) {
	for i := range r.Said {
		s := &r.Said[i]
		if s.Kind != saidRetrying || !tellsInterval(s.Line.Text) {
			continue
		}
		policy := r.Spec.For(s.Line.Service, "").Builtin // where it is switched off, builtin-retries tells of the line
		if m := endpointName.FindStringSubmatch(s.Operation); m != nil {
			policy = r.Spec.For(s.Line.Service, m[1]).Retry
		}
		if policy == nil {
			continue
		}
		if want, wrong := wrongInterval(*policy, s.Line.Text); wrong {
			t.find(Finding{
				What: fmt.Sprintf("%s's sidecar tells another interval than the policy %s, which says %s", s.Line.Service, policy.Name, want),
				Want: want, Got: clip(message(s.Line.Text)), Events: points(s.Line),
			})
		}
	}
}

// spoken is who says something, of which operation.
type spoken struct{ service, operation string }

// A retelling is a line that an operation's retries are told by.
type retelling struct {
	o        *Operation
	n        int // of the attempt that failed first, from 0
	name     string
	from, at time.Duration // of the first failure
	must     bool          // it was retried; without that it may have been about to be
}

// retellings are all that may be told: first those that must be, each by the time of the failure.
func (r *Reading) retellings() []retelling {
	var out []retelling
	for _, o := range r.Operations {
		for i, t := range o.Turns {
			if t.begun {
				from, at, _ := o.Attempts[i].over(r.Slack)
				out = append(out, retelling{o: o, n: i, name: o.Policies.Builtin.Name, from: from, at: at})
			}
			if !t.may || !t.first {
				continue
			}
			from, at, _ := r.tryOver(o, i)
			if t.builtin {
				from, at, _ = o.Attempts[i].over(r.Slack)
			}
			d := retelling{o: o, n: i, from: from, at: at, must: t.sure && t.round == 0 && r.waited(o, i)}
			if d.name = endpoint(o.Target, o.Path); t.builtin {
				d.name = o.Policies.Builtin.Name
			}
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b retelling) int {
		if a.must != b.must {
			if a.must {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.at, b.at)
	})
	return out
}

// waited tells whether the pause before the retry after an attempt was seen to go by: with another attempt after it,
// or with the breaker's refusal of one.
func (r *Reading) waited(o *Operation, i int) bool {
	if i+1 < len(o.Attempts) {
		return true
	}
	from, _, _ := o.Attempts[i].over(r.Slack)
	over, ended := o.End()
	return ended && o.mayBeRefused && over >= from+o.Turns[i].pause.lo-r.Slack.Lower
}

// after is what followed an attempt.
func (o *Operation) after(i int) *history.Event {
	if i+1 < len(o.Attempts) {
		return o.Attempts[i+1].Request
	}
	return o.last()
}

// A talk is lines of one kind, in the order of time, each of which tells one thing.
type talk struct {
	lines []*Said
	at    []time.Duration // when each was said
	next  []int           // for each line the next that is not taken, perhaps after more steps; as long as lines, and one
	by    []window        // for each line that is taken, the time within which another would have done
}

// take takes a line within a time that is left, and tells whether there was one.
func (k *talk) take(from, to time.Duration) bool {
	if k == nil {
		return false
	}
	if k.next == nil {
		k.next = make([]int, len(k.lines)+1)
		for i := range k.next {
			k.next[i] = i
		}
		k.by = make([]window, len(k.lines))
	}
	if k.takeFree(window{from, to}) {
		return true
	}
	first, _ := slices.BinarySearch(k.at, from)
	for i := first; i < len(k.at) && k.at[i] <= to; i++ { // or one that was taken where another will do
		if k.takeFree(k.by[i]) {
			k.by[i] = window{from, to}
			return true
		}
	}
	return false
}

// takeFree takes the first line within a time that is left.
func (k *talk) takeFree(within window) bool {
	i, _ := slices.BinarySearch(k.at, within.lo)
	i = k.free(i)
	if i == len(k.lines) || k.at[i] > within.hi {
		return false
	}
	k.next[i], k.by[i] = i+1, within
	return true
}

// free is the first line from i on that is not taken.
func (k *talk) free(i int) int {
	for k.next[i] != i {
		k.next[i] = k.next[k.next[i]]
		i = k.next[i]
	}
	return i
}

// rest are the lines that nothing took.
func (k *talk) rest() []*Said {
	if k.next == nil {
		return k.lines
	}
	var out []*Said
	for i, s := range k.lines {
		if k.next[i] == i {
			out = append(out, s)
		}
	}
	return out
}

// between is what lies at least between two orders of a caller, and so between two first failures.
func (r *Reading) between(caller string) time.Duration {
	if s := r.Plan.Scenario.Service(caller); s != nil && s.Sends != nil {
		return max(s.Sends.Every, minShortest)
	}
	return minShortest
}

// untrue finds what is said and accounted for by nothing.
func (t *tally) untrue(r *Reading, said map[spoken]*talk) {
	var rest []*Said
	for _, k := range said {
		rest = append(rest, k.rest()...)
	}
	slices.SortFunc(rest, func(a, b *Said) int {
		return cmp.Or(cmp.Compare(a.Line.At, b.Line.At), cmp.Compare(a.Line.Source, b.Line.Source), cmp.Compare(a.Line.Seq, b.Line.Seq))
	})
	for _, s := range rest {
		if s.Line.At > r.until() {
			continue
		}
		t.examined++
		if why := r.Slack.tooBusy(r.between(s.Line.Service)); why != "" { // which line tells of which failure is a guess then
			t.doubt("%s", why)
			continue
		}
		t.about = r.blurredOf(s.Line.Service)
		t.find(Finding{
			What: fmt.Sprintf("%s's sidecar says that it retries where no operation's first failure was seen, or says so twice", s.Line.Service),
			Want: "one line an operation", Got: clip(message(s.Line.Text)), Events: points(s.Line),
		})
	}
	t.about = nil
}
