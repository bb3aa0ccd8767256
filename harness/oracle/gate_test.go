package oracle_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
)

func TestAWarningCountsWhereAGateAsksForIt(t *testing.T) {
	v := oracle.Verdict{Outcome: oracle.Pass, Warnings: []string{"a target is misspelled"}}
	require.Zero(t, v.ExitOn(oracle.OnBroken))
	require.Zero(t, v.Exit())
	require.Equal(t, 1, v.ExitOn(oracle.OnWarning))
}
