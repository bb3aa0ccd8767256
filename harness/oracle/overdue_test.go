package oracle_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
)

// A whole answer that passes the tap when the timeout is over may have come to nobody, so its attempt may be tried
// again; one that comes in time may not.
func TestAnAnswerAsLateAsTheTimeoutMayCountEitherWay(t *testing.T) {
	for _, c := range []struct {
		name   string
		sooner time.Duration
		broken []string
	}{
		{"as_late_as_the_timeout", 0, nil},
		{"half_a_second_sooner", 500 * time.Millisecond, []string{"retry-count"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bent := 0
			answered := func(events []history.Event) (out []history.Event) {
				for _, e := range events {
					if e.Kind == history.KindClose && e.Link == toPeer && e.Attr("by") == "client" && bent == 0 {
						bent++
						e.At -= c.sooner
						e.Status, e.Text, e.Attrs = 200, "", map[string]string{"n": e.Attr("open")}
						e.Kind = history.KindResponse
						out = append(out, e)
						e.Kind = history.KindComplete
					}
					out = append(out, e)
				}
				return out
			}
			run := made(t, setting{timeout: "2s", slow: 100 * time.Millisecond, retry: "duration: 1s, maxRetries: -1", hang: true}, "")
			require.Empty(t, failed(oracle.Judge(run)))
			v := judge(run, answered)
			require.Equal(t, 1, bent)
			if c.broken == nil {
				require.Empty(t, failed(v), "%v", v.Why)
				return
			}
			require.Subset(t, failed(v), c.broken)
		})
	}
}
