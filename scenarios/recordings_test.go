package scenarios

import (
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

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/resiliency"
)

const (
	redials   = "left out: daprd dials the target's sidecar again with a back-off of its own, which no spec tells"
	keepalive = "left out: the black hole is between the sidecars, where daprd's keepalive ends the connection"
	// appTakes is how long app and way take in the recordings: it decides where a send meets the end of an open time.
	appTakes = 2 * time.Millisecond

	overlap = "left out: several senders at once, and which is the probe has no order"
)

// What real daprd did lies within the forecast of its spec, widened by 50 ms: each transition of its breaker and
// each answer to its caller.
func TestRecordingsOfDaprdLieWithinTheForecast(t *testing.T) {
	out := map[string]string{
		"c01": redials, "c01-r5": redials, "c04json": redials, "c06const_down": redials, "c07_down": redials, "c10": redials,
		"c11side_black_to2": keepalive, "c08_half": overlap, "c08_half3": overlap, "c06exp_500": overlap,
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

var (
	timelineLine = regexp.MustCompile(`^ *([+-][\d.]+) (\S+) +(.*)$`)
	answerLine   = regexp.MustCompile(`^(s\d+ )?Order (passed|failed): \{"orderId": (\d+)\}.*?status=(\d+).*? ?after=([\d.]+)s`)
	breakerLine  = regexp.MustCompile(`Circuit breaker \\?"(.+?)\\?" changed state from (\S+ to [a-z-]+)`)
)

// recorded reads a recording: what was done, and what came of it.
func recorded(t *testing.T, dir string) (k oracle.Known, got []oracle.Foreseen) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "timeline.log"))
	require.NoError(t, err)
	specText, err := os.ReadFile(filepath.Join(dir, "resiliency.yaml"))
	require.NoError(t, err)
	spec, _ := resiliency.Parse("resiliency.yaml", specText)
	k = oracle.Known{Caller: "checkout", Target: "order-processor", Path: "orders", Policies: spec.For("checkout", "order-processor")}
	turn := func(at time.Duration, m oracle.Mode) { k.Turns = append(k.Turns, oracle.Turn{At: at, Mode: m}) }
	ids := map[string]int{} // an order may be sent again
	for _, l := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		m := timelineLine.FindStringSubmatch(l)
		require.NotNil(t, m, l)
		at := seconds(m[1])
		row := oracle.Foreseen{At: oracle.Window{Lo: at, Hi: at}}
		switch said := m[3]; {
		case m[2] == "checkout":
			a := answerLine.FindStringSubmatch(said)
			if a == nil {
				continue
			}
			ids[a[1]+a[3]]++
			id := fmt.Sprintf("%s%s.%d", a[1], a[3], ids[a[1]+a[3]])
			k.Sends = append(k.Sends, oracle.Sent{At: at - seconds(a[5]), ID: id})
			row.Kind, row.ID, row.Status = "order", id, number(a[4])
			row.What = map[bool]string{true: oracle.ForecastAccepted, false: oracle.ForecastFailed}[a[2] == "passed"]
			if strings.Contains(said, "circuit breaker is open") || strings.Contains(said, "too many requests") {
				row.What = oracle.ForecastRefused
			}
			got = append(got, row)
		case m[2] == "daprd-checkout":
			if b := breakerLine.FindStringSubmatch(said); b != nil {
				row.Kind, row.ID, row.What = "breaker", b[1], b[2]
				got = append(got, row)
			}
		case m[2] == "order-processor" && strings.HasPrefix(said, "order-processor listening on"):
			turn(at, oracle.Mode{Kind: oracle.ModeAnswers})
		case m[2] != "driver":
		case strings.HasPrefix(said, "signal terminated -> order-processor"):
			turn(at, oracle.Mode{Kind: oracle.ModeOwnError})
		case strings.HasPrefix(said, "signal terminated -> daprd-order"):
			turn(at, oracle.Mode{Kind: oracle.ModeUnreachable})
		case strings.HasPrefix(said, "order-processor mode := "):
			kind, value, _ := strings.Cut(strings.Fields(said)[3], "=")
			mode := map[string]oracle.Mode{
				"ok": {Kind: oracle.ModeAnswers}, "hang": {Kind: oracle.ModeHangs}, "status": {Kind: oracle.ModeAnswers, Status: number(value)},
			}[kind]
			require.NotEmpty(t, mode.Kind, said)
			turn(at, mode)
		}
	}
	slices.SortStableFunc(k.Sends, func(a, b oracle.Sent) int { return int(a.At - b.At) })
	return k, got
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func seconds(text string) time.Duration {
	s, _ := strconv.ParseFloat(text, 64)
	return time.Duration(s * float64(time.Second))
}
