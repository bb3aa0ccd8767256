package oracle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/scenario"
)

// Since daprd 1.17.2 a chunked body is retried when the timeout fires, and only then.
func TestAChunkedBodyIsRetriedOnlyWhenTheTimeoutFires(t *testing.T) {
	const (
		timedOut  = "each_attempt_is_given_up_at_the_timeout"
		failed    = "recovery_comes_ten_seconds_late"
		unreached = "dapr_retries_by_itself_where_no_sidecar_answers"
		again     = "order 3 was tried again after attempt 1"
	)
	givenUp := strings.NewReplacer(
		"200 +14.025s", "500 +2.003s", "5.002 says: retrying\n", "",
		"10.003 checkout->order-processor order=3 op=a left +2s\n", "", "10.004 order-processor->app order=3 op=a eof +2.5s\n", "",
		"17.010 checkout->order-processor order=3 op=a 200 +4ms\n", "", "17.011 order-processor->app order=3 op=a 200 +2ms\n", "",
		"17.016 says: Recovered processing operation endpoint[order-processor, order-processor:orders] after 3 attempts\n", "",
	)
	hasty := strings.NewReplacer("order=3 op=a left +2s", "order=3 op=a left +1s")
	for _, c := range []struct {
		name, file string
		edit       *strings.Replacer
		daprd      string // "" for the built-in sidecar
		says       string // of retry-count; "" for a pass
	}{
		{"it_is_retried_after_each_timeout", timedOut, nil, "", ""},
		{"it_is_given_up_at_the_timeout", timedOut, givenUp, "", "order 3 was given up after 1 attempt"},
		{"daprd_gives_it_up_at_the_timeout", timedOut, givenUp, "1.18.3", "order 3 was given up after 1 attempt"},
		{"an_older_daprd_gives_it_up_at_the_timeout", timedOut, givenUp, "1.17.1", ""},
		{"it_is_retried_before_the_timeout", timedOut, hasty, "", again},
		{"it_is_retried_after_an_error", failed, nil, "", again},
		{"daprd_retries_it_after_an_error", failed, nil, "1.17.2", again},
		{"a_candidate_of_the_next_release_retries_it_after_an_error", failed, nil, "1.18.0-rc.1", again},
		{"an_older_daprd_retries_it_after_an_error", failed, nil, "1.17.1", ""},
		{"a_much_older_daprd_retries_it_after_an_error", failed, nil, "1.9.6", ""},
		{"a_daprd_of_no_release_retries_it_after_an_error", failed, nil, "edge", ""},
		{"it_is_retried_by_the_built_in_retries", unreached, nil, "", "was tried again after attempt 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", c.file+".txt"))
			require.NoError(t, err)
			told := string(text)
			if c.edit != nil {
				told = c.edit.Replace(told)
			}
			run := tale(t, told)
			if c.daprd != "" {
				run.History.Header.Sidecar, run.History.Header.SidecarVersion = scenario.Daprd, c.daprd
			}
			v := judge(run, change(
				func(e history.Event) bool { return e.Kind == history.KindRequest && e.Link == toSidecar },
				func(e *history.Event) {
					e.Attrs = cloned(e.Attrs)
					e.Attrs["chunked"] = "true"
				}))
			r := result(t, v, "retry-count")
			if c.says == "" {
				require.Equal(t, oracle.Pass, r.Outcome, "%v", r.Findings)
				return
			}
			require.Equal(t, oracle.Fail, r.Outcome)
			require.Contains(t, r.Findings[0].What, c.says)
		})
	}
}
