package policy

import (
	"testing"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"
)

// What is read as a comparison means what CEL says that it means.
func TestAComparisonIsWhatCELSays(t *testing.T) {
	counts := []gobreaker.Counts{
		{}, {Requests: 5, TotalFailures: 5, ConsecutiveFailures: 5}, {Requests: 6, TotalSuccesses: 6, ConsecutiveSuccesses: 6},
		{Requests: 1 << 31, TotalSuccesses: 4, TotalFailures: 7, ConsecutiveFailures: 1<<32 - 1},
	}
	for _, name := range []string{"requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures"} {
		for _, op := range []string{">=", "<=", "==", "!=", ">", "<"} {
			for _, rest := range []string{"5", " 0", "\n4294967295 ", "999999999999999999"} {
				expr := name + op + rest
				fast, err := newTrip(expr)
				require.NoError(t, err)
				require.Nil(t, fast.program, "%s is a comparison", expr)
				slow, err := newProgram(expr)
				require.NoError(t, err)
				for _, c := range counts {
					require.Equal(t, slow.eval(c), fast.eval(c), "%s of %+v", expr, c)
				}
			}
		}
	}
}

func TestWhatIsNoComparisonIsForCEL(t *testing.T) {
	for _, expr := range []string{"consecutivefailures > 5", "5 < requests", "requests > 5 && totalFailures > 1", "requests > 5u", "requests > -5", "requests > 05", "requests > 9999999999999999999"} {
		_, ok := parseComparison(expr)
		require.False(t, ok, expr)
	}
}

func FuzzTrip(f *testing.F) {
	for _, expr := range []string{"", "consecutiveFailures >= 5", "requests>0", "totalFailures == 1 || unknown", "requests >", "-1", "true", "requests > 05"} {
		f.Add(expr, uint32(5), uint32(2))
	}
	f.Fuzz(func(t *testing.T, expr string, failures, successes uint32) {
		got, err := newTrip(expr)
		if err != nil {
			return
		}
		c := gobreaker.Counts{Requests: failures + successes, TotalFailures: failures, TotalSuccesses: successes, ConsecutiveFailures: failures, ConsecutiveSuccesses: successes}
		opens := got.eval(c)
		if expr == "" {
			return
		}
		want, err := newProgram(expr)
		require.NoError(t, err, "CEL must read what we read")
		require.Equal(t, want.eval(c), opens)
	})
}
