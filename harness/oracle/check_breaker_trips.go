package oracle

import "fmt"

// breakerTrips: the trip is evaluated on each failure in the closed state, over the counts of one app and path.
var breakerTrips = Check{
	Name: "breaker-trips",
	Doc:  "the breaker opens on the failure that makes its trip true: on none before, and none after",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		t.testimony(b)
		t.examined += b.Results
		for _, d := range b.Deviations {
			switch {
			case d.kind == missed && d.t.From == closed:
				t.deviates(b, b.due(d, fmt.Sprintf("the %s failure makes `%s` true, and the breaker did not open then", ordinal(d.t.N), b.Policy.Trip)))
			case (d.kind == unfounded || d.kind == idle) && possible(d.said) && d.said.From == closed:
				t.deviates(b, Finding{
					What: fmt.Sprintf("%s's sidecar opened breaker %s where the failures seen do not make `%s` true", b.Caller, b.Name(), b.Policy.Trip),
					Want: "open on the failure that makes `" + b.Policy.Trip + "` true", Got: clip(message(d.said.Line.Text)), Events: points(d.said.Line),
				})
			}
		}
	}),
}

// due is a transition that the evidence forces and that is not told when it was due; what is told later is named.
func (b *Breaker) due(d deviation, what string) Finding {
	f := Finding{
		What: fmt.Sprintf("breaker %s: %s", b.Name(), what),
		Want: fmt.Sprintf("from %s at %s", d.t, short(d.t.At)), Got: "no such line", Events: points(d.t.By.Request, d.t.By.last()),
	}
	for _, s := range b.said {
		if s.From == d.t.From && s.To == d.t.To && s.Line.At > d.t.At {
			f.Got = fmt.Sprintf("from %s at %s, %s later", d.t, short(s.Line.At), since(d.t.At, s.Line.At))
			f.Events = append(f.Events, point(s.Line))
			break
		}
	}
	return f
}

// deviates notes a deviation of a breaker, as a doubt where what was counted is not certain.
func (t *tally) deviates(b *Breaker, f Finding) {
	if b.Ambiguous != "" {
		t.doubt("%s (%s)", b.Ambiguous, f.What)
		return
	}
	t.find(f)
}

// eachBreaker runs a check on each breaker that the spec brings into play.
func eachBreaker(check func(*tally, *Reading, *Breaker)) func(*Reading) Result {
	return func(r *Reading) Result {
		if len(r.Breakers) == 0 {
			return notHere("no call has a breaker")
		}
		var t tally
		transitions, forgotten := 0, true
		for _, b := range r.Breakers {
			check(&t, r, b)
			transitions += len(b.Transitions)
			forgotten = forgotten && r.forgot(b)
		}
		if t.examined > 0 || len(t.findings) > 0 {
			return t.result()
		}
		switch {
		case transitions == 0:
			return notHere("no breaker left its closed state")
		case forgotten && len(t.doubts) == 0:
			return notHere("the caller's sidecar ended first, and its breaker's state with it")
		}
		t.doubt("the run ended before a breaker that opened got so far")
		return t.result()
	}
}

// forgot tells whether a breaker's last transition was followed by its sidecar's end.
func (r *Reading) forgot(b *Breaker) bool {
	n := len(b.Transitions)
	return n == 0 || r.sidecarGone(b.Caller, b.Transitions[n-1].At, r.Ended)
}

// testimony doubts what only lines could tell, where there is none, and what only slack excuses.
func (t *tally) testimony(b *Breaker) {
	if b.Excused != "" {
		t.doubt("%s", b.Excused)
	}
	if b.Deaf && len(b.Transitions) > 0 {
		t.doubt("not one line of %s's sidecar was recorded", b.Caller)
	}
}
