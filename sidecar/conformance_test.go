package sidecar_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Why a replay may deviate from its recording.
const (
	// daprd keeps its gRPC connection to the other sidecar and dials again with a back-off of its own, so that it
	// recovers later than at the next probe. Ours dials at every attempt. The replay is given a link that refuses
	// until daprd had dialled; without that, ours must recover at its first attempt after the restart.
	staleConnection = "daprd re-dials a stopped sidecar with a back-off of its own"
	// The same after a black-holed link: daprd's keepalive (10 s + 5 s) gives the connection up, and from then on
	// its attempts fail at once instead of timing out.
	keepalive = "daprd's keepalive gives a black-holed connection up, and it re-dials with a back-off of its own"
)

// A change of a spec is another text for one of its own.
type change struct{ from, to string }

// recordings are all recordings, and what is excused in them.
var recordings = []struct {
	name    string
	excuse  string
	changes []change // of the spec, each of which must make the replay deviate
}{
	{name: "c01", excuse: staleConnection, changes: []change{{"timeout: 5s", "timeout: 6s"}, {">= 5", ">= 6"}, {"maxRetries: -1", "maxRetries: 5"}}},
	{name: "c01-r5", excuse: staleConnection, changes: []change{{"maxInterval: 5s", "duration: 4900ms"}}},
	{name: "c02", changes: []change{{"timeout: 5s", "timeout: 6s"}, {"maxInterval: 5s", "duration: 6s"}}},
	{name: "c04", changes: []change{{"maxRetries: -1", "maxRetries: 2"}}},
	{name: "c04json", excuse: staleConnection, changes: []change{{">= 5", ">= 4"}}},
	{name: "c05_404", changes: []change{{"maxInterval: 5s", "matching: {httpStatusCodes: 500-599}"}}},
	{name: "c05_500", changes: []change{{">= 5", "> 5"}}},
	{name: "c06const_500", changes: []change{{"maxRetries: 3", "maxRetries: 2"}, {"duration: 1s", "duration: 1100ms"}}},
	{name: "c06const_down", excuse: staleConnection, changes: []change{{"maxRetries: 3", "maxRetries: 4"}}},
	{name: "c06exp_500", changes: []change{{"maxRetries: 6", "maxRetries: 5"}, {"exponential", "constant"}, {"maxInterval: 10s", "maxInterval: 1s"}}},
	{name: "c06match_404", changes: []change{{"500-599", "404"}}},
	{name: "c06match_503", changes: []change{{"500-599", "500-502"}}},
	{name: "c06timeout_retry", changes: []change{{"general: 2s", "general: 1900ms"}, {"maxRetries: 2", "maxRetries: 1"}}},
	{name: "c07_down"}, // it had no spec
	{name: "c08_500", changes: []change{{"timeout: 5s", "timeout: 6500ms"}}},
	{name: "c08_half", changes: []change{{"maxRequests: 1", "maxRequests: 2"}}},
	{name: "c08_half3", changes: []change{{"maxRequests: 3", "maxRequests: 2"}}},
	{name: "c08_retry1s", changes: []change{{"timeout: 5s", "timeout: 1s"}}},
	{name: "c09_interval", changes: []change{{"interval: 4s", "interval: 0s"}, {"interval: 4s", "interval: 1s"}}},
	{name: "c09_total", changes: []change{{"totalFailures", "consecutiveFailures"}}},
	{name: "c10", excuse: staleConnection, changes: []change{{"timeout: 5s", "timeout: 4s"}}},
	{name: "c11side_black_to2", excuse: keepalive, changes: []change{{"general: 2s", "general: 3s"}}},
	{name: "c12_badspec", changes: []change{{`"11"`, `"500"`}}},
}

const (
	// tolerance is for each moment. daprd took up to 70 ms for a run's first order, and about 2 ms for others; its
	// timers add 1 to 5 ms an attempt, up to 37 ms over the retries of one order. A bubble's clock knows no delay.
	tolerance = 75 * time.Millisecond
	// pollLag is how late the counter of attempts shows one: it was polled ten times a second.
	pollLag = 120 * time.Millisecond
)

func TestOurSidecarDoesWhatDaprdDid(t *testing.T) {
	for _, c := range recordings {
		t.Run(c.name, func(t *testing.T) {
			r := load(t, c.name)
			turns := r.turns()
			if c.excuse != "" {
				turns = r.redials()
			}
			got := replayInBubble(t, r, r.spec, turns)
			if d := r.deviation(got); d != "" {
				t.Error(d)
			}
			if c.excuse == "" {
				return
			}
			got = replayInBubble(t, r, r.spec, r.turns())
			require.NotEmpty(t, r.deviation(got), "nothing needs to be excused: %s", c.excuse)
			requireRecoveryAtOnce(t, r, got)
		})
	}
}

// A comparison that can't fail is worth nothing: each of these specs must be told from the recorded one.
func TestAChangedSpecDeviates(t *testing.T) {
	for _, c := range recordings {
		for _, change := range c.changes {
			t.Run(c.name+"/"+change.to, func(t *testing.T) {
				r := load(t, c.name)
				spec := bytes.Replace(r.spec, []byte(change.from), []byte(change.to), 1)
				require.NotEqual(t, string(r.spec), string(spec))
				turns := r.turns()
				if c.excuse != "" {
					turns = r.redials()
				}
				require.NotEmpty(t, r.deviation(replayInBubble(t, r, spec, turns)))
			})
		}
	}
}

func replayInBubble(t *testing.T, r *recording, spec []byte, turns []turn) (out *replayed) {
	synctest.Test(t, func(t *testing.T) { out = replay(t, r, spec, turns) })
	return out
}

// requireRecoveryAtOnce holds our sidecar to what the spec promises and daprd did not keep.
func requireRecoveryAtOnce(t *testing.T, r *recording, got *replayed) {
	var healed time.Duration
	for _, turn := range r.turns() {
		if turn.what == "sidecar up" || turn.what == "link healed" {
			healed = turn.at
		}
	}
	after := func(events []event) time.Duration {
		i := slices.IndexFunc(events, func(e event) bool { return e.at > healed })
		require.GreaterOrEqual(t, i, 0)
		return events[i].at
	}
	require.InDelta(t, after(got.attempts), after(got.app), float64(appTakes), "the first attempt after %s arrives", healed)
}

// deviation tells, side by side, where a replay differs from the recording; empty for nowhere.
func (r *recording) deviation(got *replayed) string {
	var out strings.Builder
	logs, form := r.logs()
	if form != "" && form != got.form {
		fmt.Fprintf(&out, "the log's form:\n  got  %s\n  want %s\n", got.form, form)
	}
	if r.exponential() {
		out.WriteString(r.envelope(got))
		return out.String()
	}
	first, end := r.sends()[0].at, r.end()
	within := func(events []event) (some []event) {
		for _, e := range events {
			if e.at = max(e.at, first); e.at < end { // what came before the first send came at the start
				some = append(some, e)
			}
		}
		return some
	}
	attempts := r.attempts()
	counted := attempts[len(attempts)-1].at // the counter was not polled again before the end
	gotAttempts := slices.DeleteFunc(within(got.attempts), func(e event) bool { return e.at > counted })
	sideBySide(&out, "log", within(got.logs), within(logs), 0)
	sideBySide(&out, "attempts", gotAttempts, attempts, pollLag)
	sideBySide(&out, "what the app saw", byOrder(within(got.app)), byOrder(r.app()), 0)
	sideBySide(&out, "answers", answers(got.sends), answers(r.sends()), 0)
	return out.String()
}

func answers(sends []send) (out []event) {
	for _, s := range sends {
		e := event{s.answer.at, fmt.Sprintf("order %d: %s", s.order, s.answer.text)}
		if s.answer.text == "" {
			e = event{s.at, fmt.Sprintf("order %d: no answer", s.order)}
		}
		out = append(out, e)
	}
	return out
}

// byOrder sorts lines of the app by the order's number: of lines of one moment either may be printed first.
func byOrder(events []event) []event {
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(orderOf(a), orderOf(b)) })
	return events
}

func orderOf(e event) int {
	_, after, _ := strings.Cut(e.text, `{"orderId": `)
	digits, _, _ := strings.Cut(after, "}")
	return number(digits)
}

// sideBySide compares event by event; got may come earlier by lag.
func sideBySide(out *strings.Builder, what string, got, want []event, lag time.Duration) {
	var table strings.Builder
	same := len(got) == len(want)
	cell := func(events []event, i int) (e event, text string) {
		if i >= len(events) {
			return event{}, "-"
		}
		return events[i], fmt.Sprintf("%8.3f %s", events[i].at.Seconds(), events[i].text)
	}
	for i := range max(len(got), len(want)) {
		g, gotText := cell(got, i)
		w, wantText := cell(want, i)
		mark := " "
		if late := g.at - w.at; gotText == "-" || wantText == "-" || g.text != w.text || late > tolerance || late < -tolerance-lag {
			mark, same = "≠", false
		}
		fmt.Fprintf(&table, "%s %-110s | %s\n", mark, gotText, wantText)
	}
	if !same {
		fmt.Fprintf(out, "%s:\n  %-110s | want\n%s", what, "got", table.String())
	}
}
