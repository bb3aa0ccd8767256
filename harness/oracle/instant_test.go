package oracle_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

// Events of one instant have no order: the attempt of an order that was answered may be noted behind the run's end.
func TestAnAttemptNotedBehindTheEndIsNotMissed(t *testing.T) {
	c := made(t, setting{}, "")
	events := c.History.Events
	end := slices.IndexFunc(events, func(e history.Event) bool {
		return e.Kind == history.KindPhase && e.Text == history.PhaseTeardown
	})
	require.Positive(t, end)
	last := ""
	for _, e := range events[:end] {
		if e.Link == toSidecar && e.Kind == history.KindComplete {
			last = e.Op
		}
	}
	var before, behind []history.Event
	for _, e := range events[:end] {
		if e.Link == toPeer && e.Op == last {
			behind = append(behind, e)
		} else {
			before = append(before, e)
		}
	}
	require.NotEmpty(t, behind)
	c.History.Events = slices.Concat(before, events[end:end+1], behind, events[end+1:])
	v := oracle.Judge(c)
	require.Equal(t, oracle.Pass, v.Outcome, "%v", v.Why)
}
