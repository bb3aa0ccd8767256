package sidecar_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Gaps of an exponential retry are random, so such a recording is compared by what is not: an operation's number of
// attempts and its answer, and the envelope of each gap. Each side is held to it: if daprd's own run were outside,
// the envelope would be wrong.

func (r *recording) exponential() bool {
	return bytes.Contains(r.spec, []byte("exponential")) || r.name == "c06exp_500"
}

// envelope tells where a run of exponential retries (6 of them, from 500 ms, by half more each time, ±50 %) leaves
// what the recording allows.
func (r *recording) envelope(got *replayed) string {
	var out strings.Builder
	var heal time.Duration
	for _, t := range r.turns() {
		if t.what == "mode=ok" {
			heal = t.at
		}
	}
	logs, _ := r.logs()
	for _, side := range []struct {
		name  string
		app   []event
		sends []send
		logs  []event
	}{{"daprd", r.app(), r.sends(), logs}, {"ours", got.app, got.sends, got.logs}} {
		say := func(format string, args ...any) { fmt.Fprintf(&out, side.name+": "+format+"\n", args...) }
		retried, recovered := 0, map[int]int{}
		for _, s := range side.sends {
			attempts, gaps := attemptsOf(side.app, s.order)
			if s.answer.at >= r.end() || s.answer.text == "" {
				continue
			}
			passes := s.answer.text == "passed 200"
			if !passes && len(attempts) != 7 || passes && 0 < s.at && s.at < heal-worst(6) {
				say("order %d sent at %s: %s after %d attempts", s.order, s.at, s.answer.text, len(attempts))
			}
			nominal := 500 * time.Millisecond
			for i, gap := range gaps {
				if gap < nominal/2-tolerance || gap > nominal*3/2+tolerance {
					say("order %d: gap %d is %s, want %s ± 50 %%", s.order, i+1, gap, nominal)
				}
				nominal = nominal * 3 / 2
			}
			if len(attempts) > 1 {
				retried++
				if passes {
					recovered[len(attempts)]++
				}
			}
		}
		said, saidRecovered := 0, map[int]int{}
		for _, e := range side.logs {
			if strings.Contains(e.text, "Retrying in") && e.at < r.end() {
				said++
			}
			var n int
			if _, tail, ok := strings.Cut(e.text, "] after "); ok {
				fmt.Sscanf(tail, "%d attempts", &n)
				saidRecovered[n]++
			}
		}
		if said != retried || fmt.Sprint(saidRecovered) != fmt.Sprint(recovered) {
			say("said of %d operations that they are retried and of %v that they recovered; want %d and %v", said, saidRecovered, retried, recovered)
		}
	}
	// The gaps as a whole: capped, they would be shorter.
	if g, w := longest(got.app), longest(r.app()); g < w/2 || g > w*2 {
		fmt.Fprintf(&out, "the longest gap: got %s, want about %s\n", g, w)
	}
	return out.String()
}

// worst is how long n gaps take at most.
func worst(n int) (sum time.Duration) {
	nominal := 500 * time.Millisecond
	for range n {
		sum += nominal * 3 / 2
		nominal = nominal * 3 / 2
	}
	return sum + tolerance
}

// attemptsOf are the moments at which the app received an order, and the gaps between them.
func attemptsOf(app []event, order int) (at, gaps []time.Duration) {
	for _, e := range app {
		if orderOf(e) == order && strings.HasPrefix(e.text, "Order received") {
			at = append(at, e.at)
		}
	}
	for i := 1; i < len(at); i++ {
		gaps = append(gaps, at[i]-at[i-1])
	}
	return at, gaps
}

func longest(app []event) (out time.Duration) {
	for order := range 100 {
		if _, gaps := attemptsOf(app, order); len(gaps) > 0 {
			out = max(out, slices.Max(gaps))
		}
	}
	return out
}
