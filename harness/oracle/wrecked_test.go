package oracle_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

// lines are the recorded history as text, a line each.
func lines(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "stop-order-processor", "history.jsonl"))
	require.NoError(t, err)
	return strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
}

// reread judges the recorded run with another text for its history.
func reread(t testing.TB, text string) oracle.Verdict {
	t.Helper()
	c := recorded(t)
	h, err := history.Read(strings.NewReader(text))
	if err != nil {
		return oracle.Verdict{Outcome: oracle.Unknown}
	}
	c.History = h
	return oracle.Judge(c)
}

func TestATruncatedHistoryIsUnknown(t *testing.T) {
	all := lines(t)
	for n := range len(all) {
		require.Equal(t, oracle.Unknown, reread(t, strings.Join(all[:n], "")).Outcome, "the first %d lines", n)
	}
}

func TestAHistoryWithoutOneOfItsLinesIsUnknown(t *testing.T) {
	all := lines(t)
	for n := 1; n < len(all); n++ {
		v := reread(t, strings.Join(slices.Delete(slices.Clone(all), n, n+1), ""))
		require.Equal(t, oracle.Unknown, v.Outcome, "without line %d: %s", n+1, all[n])
	}
}

func TestAShuffledHistoryIsUnknown(t *testing.T) {
	all := lines(t)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		shuffled := slices.Clone(all)
		rng.Shuffle(len(all)-2, func(i, j int) { shuffled[i+1], shuffled[j+1] = shuffled[j+1], shuffled[i+1] })
		require.Equal(t, oracle.Unknown, reread(t, strings.Join(shuffled, "")).Outcome, "seed %d", seed)
	}
}

func TestTwoRunsMixedAreUnknown(t *testing.T) {
	all := lines(t)
	var mixed []string
	for i, line := range all {
		mixed = append(mixed, line)
		if i > 0 && i%7 == 0 {
			mixed = append(mixed, strings.ReplaceAll(line, "111830-3bf160", "another-run"))
		}
	}
	require.Equal(t, oracle.Unknown, reread(t, strings.Join(mixed, "")).Outcome)
}

// A clock that steps by more than the promises allow is not excused, whichever source it is.
func TestAClockThatStepsNeverPasses(t *testing.T) {
	for _, step := range []time.Duration{-3 * time.Second, -time.Second, time.Second, 3 * time.Second} {
		for _, source := range []string{history.Links, history.Output("checkout", history.Sidecar)} {
			v := judge(recorded(t), change(after(12*time.Second, func(e history.Event) bool { return e.Source == source }), later(step)))
			require.NotEqual(t, oracle.Pass, v.Outcome, "%s by %s", source, step)
		}
	}
}

func TestTheSameCaseGivesTheSameBytes(t *testing.T) {
	for _, s := range []setting{{}, {callers: 5, seed: 4, stall: 200 * time.Millisecond}, {bare: true}} {
		for _, rogue := range []string{"", "open_too_short", "hides_open"} {
			one, err := json.Marshal(oracle.Judge(made(t, s, rogue)))
			require.NoError(t, err)
			for range 3 {
				again, err := json.Marshal(oracle.Judge(made(t, s, rogue)))
				require.NoError(t, err)
				require.Equal(t, string(one), string(again))
			}
		}
	}
}

func TestNoHistoryAtAllIsUnknown(t *testing.T) {
	c := recorded(t)
	c.History = nil
	require.Equal(t, oracle.Unknown, oracle.Judge(c).Outcome)
	require.Equal(t, oracle.Unknown, oracle.Judge(oracle.Case{}).Outcome)
	c.History = &history.History{}
	require.NotEqual(t, oracle.Pass, oracle.Judge(c).Outcome)
}

// Whatever is done to the events of a made run, judging them never panics, and gives the same verdict twice.
func FuzzJudge(f *testing.F) {
	f.Add(uint64(1), uint64(1), []byte("drop"))
	f.Add(uint64(7), uint64(2), []byte{0, 1, 2, 3, 250, 251, 252, 253})
	f.Add(uint64(42), uint64(3), bytes.Repeat([]byte{5, 9}, 40))
	f.Fuzz(func(t *testing.T, seed, setting uint64, what []byte) {
		s := drawn(setting)
		s.outage, s.callers = min(s.outage, 8*time.Second), min(s.callers, 3)
		c := made(t, s, "")
		c.History.Events = wreck(c.History.Events, rand.New(rand.NewPCG(seed, 3)), what)
		one := oracle.Judge(c)
		for _, r := range one.Results {
			require.NotContains(t, r.Why, "crashed")
		}
		for _, why := range one.Why {
			require.NotContains(t, why, "could not be read")
		}
		require.Equal(t, one, oracle.Judge(c))
	})
}

// wreck changes events at random places, a change for each byte.
func wreck(events []history.Event, rng *rand.Rand, what []byte) []history.Event {
	for _, b := range what {
		if len(events) == 0 {
			return events
		}
		i, j := rng.IntN(len(events)), rng.IntN(len(events))
		e := &events[i]
		switch b % 12 {
		case 0:
			events = slices.Delete(events, i, i+1)
		case 1:
			events = slices.Insert(events, i, events[j])
		case 2:
			events[i], events[j] = events[j], events[i]
		case 3:
			e.At += time.Duration(rng.Int64N(int64(20*time.Second))) - 10*time.Second
		case 4:
			e.Op = events[j].Op
		case 5:
			e.Conn, e.Attrs = events[j].Conn, nil
		case 6:
			e.Status = rng.IntN(700)
		case 7:
			e.Kind = events[j].Kind
		case 8:
			e.Link = events[j].Link
		case 9:
			e.Text = events[j].Text
		case 10:
			e.At = -e.At
		case 11:
			events = events[:max(i, 1)]
		}
	}
	return events
}
