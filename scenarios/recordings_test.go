package scenarios

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
	"github.com/halfopen/halfopen/harness/testimony"
)

const (
	redials = "left out: daprd dials the target's sidecar again with a back-off of its own, which no spec tells"

	// What is asked of a daprd that is silent fails at once when keepalive has ended the connection and the dial after
	// that has failed too, until a dial after the silence gets through: the second or third one, whose pause is no longer.
	keepalive, dial, redial = 15 * time.Second, 20 * time.Second, 1900 * time.Millisecond

	// appTakes is how long app and way take in the recordings: it decides where a send meets the end of an open time.
	appTakes = 2 * time.Millisecond

	overlap = "left out: several senders at once, and which is the probe has no order"
)

// What real daprd did lies within the forecast of its spec, widened by 50 ms: each transition of its breaker and
// each answer to its caller.
func TestRecordingsOfDaprdLieWithinTheForecast(t *testing.T) {
	out := map[string]string{
		"c01": redials, "c01-r5": redials, "c04json": redials, "c06const_down": redials, "c07_down": redials, "c10": redials,
		"c08_half": overlap, "c08_half3": overlap, "c06exp_500": overlap,
	}
	dirs, err := filepath.Glob(filepath.Join("..", "sidecar", "testdata", "recordings", "*", "timeline.log"))
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, file := range dirs {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			if why := out[name]; why != "" {
				t.Log(why)
				return
			}
			known, got := recorded(t, filepath.Dir(file))
			for i := range known.Turns {
				if m := &known.Turns[i].Mode; m.Kind == oracle.ModeAnswers {
					m.Delay = appTakes
				}
			}
			f := oracle.ForeseeKnown(known)
			require.NotEmpty(t, got)
			seen := map[string]int{}
			for _, g := range got {
				if g.At.Lo <= 0 {
					continue // before the fault: daprd takes up to 70 ms for its first order
				}
				key := g.Kind + g.ID + g.What
				seen[key]++
				n := 0
				i := slices.IndexFunc(f.Rows, func(r oracle.Foreseen) bool {
					if r.Kind+r.ID+r.What == key && r.Kind != "attempt" && r.At.Hi >= 0 {
						n++
					}
					return n == seen[key]
				})
				require.GreaterOrEqual(t, i, 0, "%s at %s is not foretold\n%s", g, g.At.Lo, table(f.Rows))
				const wide = 50 * time.Millisecond
				r := f.Rows[i]
				require.True(t, r.At.Lo-wide <= g.At.Lo && g.At.Lo <= r.At.Hi+wide, "%s at %s, foretold for %s to %s", g, g.At.Lo, r.At.Lo, r.At.Hi)
				require.Equal(t, r.Status, g.Status, "%s", g)
			}
		})
	}
}

var breakerLine = regexp.MustCompile(`^Circuit breaker "(.+?)" changed state from (\S+ to [a-z-]+)`)

// recorded reads a recording: what was done, and what came of it.
func recorded(t *testing.T, dir string) (k oracle.Known, got []oracle.Foreseen) {
	t.Helper()
	const caller, target = "checkout", "order-processor"
	text, err := os.ReadFile(filepath.Join(dir, "timeline.log"))
	require.NoError(t, err)
	specText, err := os.ReadFile(filepath.Join(dir, "resiliency.yaml"))
	require.NoError(t, err)
	spec, _ := resiliency.Parse("resiliency.yaml", specText)
	told, err := testimony.Timeline("timeline.log", bytes.NewReader(text), caller, target)
	require.NoError(t, err)
	k = oracle.Known{Caller: caller, Target: target, Path: "orders", Policies: spec.For(caller, target)}
	turn := func(at time.Duration, m oracle.Mode) { k.Turns = append(k.Turns, oracle.Turn{At: at, Mode: m}) }
	ids := map[string]int{} // an order may be sent again
	var heard time.Duration // the last answer that crossed between the sidecars
	silent := false
	for _, e := range told.Events {
		row := oracle.Foreseen{At: oracle.Window{Lo: e.At, Hi: e.At}}
		did, words := e.Attr("did"), e.Attr(testimony.Words)
		switch {
		case e.Service == caller && (did == testimony.Passed || did == testimony.Failed):
			id := strings.TrimSpace(e.Attr("sender") + " " + e.ID)
			ids[id]++
			id = fmt.Sprintf("%s.%d", id, ids[id])
			k.Sends = append(k.Sends, oracle.Sent{At: e.At - e.Duration("after_ns"), ID: id})
			row.Kind, row.ID, row.Status, row.What = "order", id, e.Status, oracle.ForecastFailed
			switch {
			case did == testimony.Passed:
				row.What, heard = oracle.ForecastAccepted, e.At
			case strings.Contains(e.Error, "circuit breaker is open") || strings.Contains(e.Error, "too many requests"):
				row.What = oracle.ForecastRefused
			}
			got = append(got, row)
		case e.Service == caller && e.Part == history.Sidecar && e.Kind == history.KindLine:
			if b := breakerLine.FindStringSubmatch(testimony.Parse(e.Text).Message); b != nil {
				row.Kind, row.ID, row.What = "breaker", b[1], b[2]
				got = append(got, row)
			}
		case e.Service == target && e.Kind == history.KindReady && e.Part == history.App:
			turn(e.At, oracle.Mode{Kind: oracle.ModeAnswers})
		case e.Service == target && e.Kind == history.KindExit && e.Part == history.App:
			turn(e.At, oracle.Mode{Kind: oracle.ModeOwnError})
		case e.Service == target && e.Kind == history.KindExit:
			turn(e.At, oracle.Mode{Kind: oracle.ModeUnreachable})
		case strings.HasPrefix(words, "FAULT: sidecar link: toxic") && strings.Contains(words, "type:timeout"):
			silent = true
			turn(e.At, oracle.Mode{Kind: oracle.ModeHangs})
			turn(heard+keepalive+dial, oracle.Mode{Kind: oracle.ModeUnreachable})
		case silent && words == "HEAL":
			turn(e.At+redial, oracle.Mode{Kind: oracle.ModeAnswers})
		case strings.HasPrefix(words, target+" mode := "):
			kind, value, _ := strings.Cut(strings.Fields(words)[3], "=")
			status, _ := strconv.Atoi(value)
			mode := map[string]oracle.Mode{
				"ok": {Kind: oracle.ModeAnswers}, "hang": {Kind: oracle.ModeHangs}, "status": {Kind: oracle.ModeAnswers, Status: status},
			}[kind]
			require.NotEmpty(t, mode.Kind, words)
			turn(e.At, mode)
		}
	}
	slices.SortStableFunc(k.Sends, func(a, b oracle.Sent) int { return int(a.At - b.At) })
	return k, got
}
