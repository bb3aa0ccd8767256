package history_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
)

// written is a short, whole history as text.
func written(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	r, err := history.NewRecorder(&b, history.Header{Run: "r1", Scenario: "s", Started: time.Unix(1000, 0)})
	require.NoError(t, err)
	r.Record(history.Event{At: 2 * time.Second, Source: "links", Kind: history.KindRequest, Link: "a->b", ID: "1"})
	r.Record(history.Event{At: time.Second, Source: "runner", Kind: history.KindPhase, Text: history.PhaseLoad})
	r.Record(history.Event{At: 3 * time.Second, Source: "links", Kind: history.KindClose, Link: "a->b"})
	require.NoError(t, r.Close("done"))
	r.Record(history.Event{Source: "links"}) // behind the end: dropped
	return b.String()
}

func TestWhatWasWrittenIsReadBackInTheOrderOfItsObservation(t *testing.T) {
	h, err := history.Read(strings.NewReader(written(t)))
	require.NoError(t, err)
	require.Empty(t, h.Flaws)
	require.Equal(t, "r1", h.Header.Run)
	require.Len(t, h.Events, 4)
	require.Equal(t, history.KindPhase, h.Events[0].Kind)
	require.Equal(t, history.KindRequest, h.Events[1].Kind)
	require.Equal(t, "1", h.Events[1].ID)
	require.Equal(t, uint64(2), h.Events[2].Seq)
	require.Equal(t, history.KindEnd, h.Events[3].Kind)
}

func TestFlawsAreNamedAndTheRestIsRead(t *testing.T) {
	lines := strings.SplitAfter(strings.TrimSuffix(written(t), "\n"), "\n")
	for _, c := range []struct {
		name  string
		lines []string
		flaw  string
	}{
		{"truncated", lines[:4], "truncated: there is no end"},
		{"an_event_lost", append(append([]string{}, lines[:1]...), lines[2:]...), "event 2 follows 0"},
		{"an_event_twice", []string{lines[0], lines[1], lines[1], lines[2], lines[3], lines[4]}, "event 1 follows 1"},
		{"a_line_that_is_no_event", []string{lines[0], "{\n", lines[1]}, "line 2 is no event"},
		{"two_runs_mixed", []string{lines[0], strings.ReplaceAll(lines[1], `"run":"r1"`, `"run":"r2"`)}, `belongs to run "r2"`},
		{"something_behind_the_end", append(append([]string{}, lines...), "\n"+lines[1]), "behind the end"},
		{"a_run_that_was_interrupted", []string{lines[0], strings.ReplaceAll(lines[4], `"done"`, `"interrupted"`)}, "interrupted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := history.Read(strings.NewReader(strings.Join(c.lines, "")))
			require.NoError(t, err)
			require.Contains(t, strings.Join(h.Flaws, "\n"), c.flaw)
		})
	}
}

func TestWithoutAHeaderThereIsNoHistory(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "nonsense": "what\n", "another_format": `{"format":"x/1"}` + "\n"} {
		_, err := history.Read(strings.NewReader(text))
		require.Error(t, err, name)
	}
}

func TestTheMetronomeNotesNoLatenessWhereTimeIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var ticks []history.Event
		go history.Metronome(ctx, "runner", func(e history.Event) { ticks = append(ticks, e) })
		time.Sleep(10*time.Second + time.Millisecond)
		cancel()
		synctest.Wait()
		require.Len(t, ticks, 10)
		for _, e := range ticks {
			require.Zero(t, e.Duration("late_ns"))
		}
	})
}

func FuzzReadNeverPanics(f *testing.F) {
	f.Add([]byte(written(f)))
	f.Add([]byte(written(f))[:200])
	f.Add([]byte(`{"format":"halfopen-history/1"}` + "\n" + `{"kind":"end"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := history.Read(bytes.NewReader(text))
		if err == nil && len(h.Events) == 0 && len(h.Flaws) == 0 {
			t.Fatal("nothing was read and nothing is wrong")
		}
	})
}
