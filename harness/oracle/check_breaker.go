package oracle

import "fmt"

// breakerTrips: the trip is evaluated on each failure in the closed state, over the counts of one app and path.
var breakerTrips = Check{
	Name: "breaker-trips",
	Doc:  "the breaker opens on the failure that makes its trip true: on none before, and none after",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		t.examined += b.Results
		for _, tr := range b.Transitions {
			if tr.From == closed && tr.To == open && tr.Said == nil {
				t.untold(r, b, tr, fmt.Sprintf("the %s failure makes `%s` true, and the breaker did not open then", ordinal(tr.N), b.Policy.Trip))
			}
		}
		for _, tr := range b.Missed {
			t.untold(r, b, tr, fmt.Sprintf("the %s failure makes `%s` true, and the breaker did not open then", ordinal(tr.N), b.Policy.Trip))
		}
		early := b.unmatched(r)
		for _, tr := range b.Early {
			early = append(early, tr.Said)
		}
		for _, s := range early {
			if s.From == closed && s.To == open && !b.Ambiguous {
				t.find(Finding{
					What: fmt.Sprintf("%s's sidecar opened breaker %s where the failures seen do not make `%s` true", b.Caller, b.Name(), b.Policy.Trip),
					Want: "open on the failure that makes `" + b.Policy.Trip + "` true", Got: clip(message(s.Line.Text)), Events: points(s.Line),
				})
			}
		}
	}),
}

// breakerCloses: as many consecutive successes as half-open admits close it; one failure opens it again.
var breakerCloses = Check{
	Name: "breaker-closes",
	Doc:  "half-open ends as its probes do: closed after maxRequests successes, open again after one failure",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		for _, tr := range b.Transitions {
			if tr.From != halfOpen {
				continue
			}
			t.examined++
			if tr.Said == nil {
				t.untold(r, b, tr, fmt.Sprintf("the probe %s, and the breaker did not go from %s", tr.By.outcome(), tr))
			}
		}
		for _, s := range b.unmatched(r) {
			if s.From == halfOpen && !b.Ambiguous {
				t.find(Finding{
					What: fmt.Sprintf("%s's sidecar took breaker %s from %s to %s where no probe ended so", b.Caller, b.Name(), s.From, s.To),
					Got:  clip(message(s.Line.Text)), Events: points(s.Line),
				})
			}
		}
	}),
}

// breakerLog: what is left of transitions, open to half-open, is told when the probe starts.
var breakerLog = Check{
	Name: "breaker-log",
	Doc:  "each half-open period is told when its first probe starts, and none that did not happen",
	Run: eachBreaker(func(t *tally, r *Reading, b *Breaker) {
		for _, tr := range b.Transitions {
			if tr.To != halfOpen {
				continue
			}
			t.examined++
			if tr.Said == nil {
				t.untold(r, b, tr, "a probe crossed the link, and no half-open period was told")
			}
		}
		for _, s := range b.unmatched(r) {
			if s.To == halfOpen && !b.Ambiguous {
				t.find(Finding{
					What: fmt.Sprintf("%s's sidecar told a half-open period of breaker %s, and no probe crossed the link", b.Caller, b.Name()),
					Got:  clip(message(s.Line.Text)), Events: points(s.Line),
				})
			}
		}
	}),
}

// untold is a transition that the evidence forces and no line tells.
func (t *tally) untold(r *Reading, b *Breaker, tr Transition, what string) {
	if why := silent(r, b.Caller); why != "" {
		t.doubt("%s", why)
		return
	}
	if b.Ambiguous {
		t.doubt("an attempt fell on the edge of the counting window of %s", b.Name())
		return
	}
	f := Finding{
		What: fmt.Sprintf("breaker %s: %s", b.Name(), what),
		Want: fmt.Sprintf("from %s at %s", tr, short(tr.At)), Events: points(tr.By.Request, tr.By.last()),
	}
	for i := range r.Said {
		if s := &r.Said[i]; b.says(s) && s.From == tr.From && s.To == tr.To && s.Line.At > tr.At {
			f.Got = fmt.Sprintf("from %s at %s, %s later", tr, short(s.Line.At), since(tr.At, s.Line.At))
			f.Events = append(f.Events, point(s.Line))
			break
		}
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
		transitions := 0
		for _, b := range r.Breakers {
			check(&t, r, b)
			transitions += len(b.Transitions)
		}
		if t.examined == 0 && len(t.findings) == 0 && transitions == 0 {
			return notHere("no breaker left its closed state")
		}
		return t.result()
	}
}
