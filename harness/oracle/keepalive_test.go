package oracle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

// The first attempt is ended by keepalive, 15 s after the last answer, and the second waits for a dial until the cut is
// healed. With another sidecar, or a second sooner, nothing but itself ends the first.
func TestDaprdsKeepaliveEndsWhatWaitsForAnotherDaprd(t *testing.T) {
	c := readRun(t, "cut-between-two-daprd")
	v := oracle.Judge(c)
	require.Equal(t, oracle.Pass, v.Outcome, "%v", failed(v))
	sooner := change(func(e history.Event) bool { return e.Kind == history.KindClose && e.Attr("open") == "4" }, later(-time.Second))
	require.Equal(t, oracle.Fail, result(t, judge(c, sooner), "attempt-timeout").Outcome)
	c.History.Header.Sidecar = scenario.Builtin
	v = oracle.Judge(c)
	for _, check := range []string{"attempt-timeout", "waits-bounded"} {
		require.Equal(t, oracle.Fail, result(t, v, check).Outcome, check)
	}
}
