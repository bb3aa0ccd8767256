package oracle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
)

func TestTheTimingsOfTheRecordedRun(t *testing.T) {
	c := recorded(t)
	gaps, opens := 0, 0
	for _, x := range oracle.Timings(c) {
		require.Less(t, x.Error().Abs(), 60*time.Millisecond, "%+v", x)
		switch x.Kind {
		case oracle.TimingGap:
			gaps++
			require.Equal(t, 5*time.Second, x.Want)
		case oracle.TimingOpen:
			opens++
			require.GreaterOrEqual(t, x.Want, 5*time.Second)
		}
	}
	v := oracle.Judge(c)
	require.Equal(t, v.Figures.Retries, gaps, "each retry ends a gap")
	require.Equal(t, gaps, v.Figures.GapError.N)
	require.Equal(t, opens, v.Figures.OpenError.N)
	require.Greater(t, opens, 3)
	require.Empty(t, oracle.Timings(oracle.Case{}))
}

func TestASpreadIsByRankAndBySize(t *testing.T) {
	require.Nil(t, oracle.SpreadOf(nil))
	var of []time.Duration
	for i := range 200 {
		of = append(of, time.Duration(i+1)*time.Millisecond)
	}
	require.Equal(t, &oracle.Spread{N: 200, Median: 100 * time.Millisecond, P99: 198 * time.Millisecond, Worst: 200 * time.Millisecond}, oracle.SpreadOf(of))
	require.Equal(t, &oracle.Spread{N: 2, Median: 1, P99: 3, Worst: 3}, oracle.SpreadOf([]time.Duration{-3, 1}))
}
