package testimony_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/problem"
	"github.com/halfopen/halfopen/harness/testimony"
)

const retrying = "Error processing operation endpoint[order-processor, order-processor:orders]. Retrying in 5s…"

func TestALineIsTakenApartInEachFormAndBehindEachPrefix(t *testing.T) {
	at := time.Date(2026, 11, 23, 22, 34, 19, 300000000, time.UTC)
	whole := testimony.Line{Time: at, Since: -1, Level: "warning", Message: retrying, App: "checkout", Replica: "vm", Version: "1.18.3", Own: true}
	logfmt := `time="2026-11-23T22:34:19.3Z" level=warning msg="` + retrying + `" app_id=checkout instance=vm scope=dapr.runtime type=log ver=1.18.3`
	object := `{"app_id":"checkout","instance":"vm","level":"warning","msg":"` + retrying + `","scope":"dapr.runtime","time":"2026-11-23T22:34:19.3Z","type":"log","ver":"1.18.3"}`
	pod := whole
	for name, c := range map[string]struct {
		text string
		want testimony.Line
	}{
		"logfmt":                    {logfmt, whole},
		"json":                      {object, whole},
		"kubectl_with_time":         {"2026-11-23T22:34:20.000000001Z " + logfmt, whole},
		"kubectl_with_pod_and_time": {"[pod/checkout-0/daprd] 2026-11-23T22:34:20.000000001Z " + object, pod},
		"stern":                     {"checkout-7d9f daprd " + logfmt, whole},
		"compose":                   {"checkout-dapr-1  | " + logfmt, whole},
		"a_terminal":                {"WARN[0002] " + retrying, testimony.Line{Since: 2 * time.Second, Level: "warning", Message: retrying, Own: true}},
		"a_terminal_with_fields":    {"INFO[0002] x y  app_id=checkout instance=vm scope=dapr.runtime type=log ver=1.9.0", testimony.Line{Since: 2 * time.Second, Level: "info", Message: "x y", App: "checkout", Replica: "vm", Version: "1.9.0", Own: true}},
		"a_coloured_terminal":       {"\x1b[33mWARN\x1b[0m[0002] " + retrying, testimony.Line{Since: 2 * time.Second, Level: "warning", Message: retrying, Own: true}},
		"dapr_run":                  {"== APP == WARN[0002] " + retrying, testimony.Line{Since: 2 * time.Second, Level: "warning", Message: retrying, Own: true}},
		"dapr_run_of_many":          {"== DAPR - checkout == WARN[0002] " + retrying, testimony.Line{Since: 2 * time.Second, Level: "warning", Message: retrying, App: "checkout", Own: true}},
		"a_terminal_under_kubectl":  {"2026-11-23T22:34:19.3Z INFO[0002] x", testimony.Line{Time: at, Since: 2 * time.Second, Level: "info", Message: "x", Own: true}},
		"another_program":           {`2026/11/23 22:34:19 listening`, testimony.Line{Since: -1, Message: "2026/11/23 22:34:19 listening"}},
		"an_app_that_prints_json":   {`Order passed: {"orderId": 5}`, testimony.Line{Since: -1, Message: `Order passed: {"orderId": 5}`}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, testimony.Parse(c.text)) })
	}
}

func TestLogsKeepWhatIsTestimonyAndPassOverTheRest(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	h, err := testimony.Logs([]testimony.Log{
		{Name: "b.log", Reader: strings.NewReader("hello\n" + long + "\n" + `time="2026-11-23T22:34:24Z" level=info msg="Recovered processing operation a after 2 attempts" app_id=other` + "\n")},
		{Name: "a.log", Reader: strings.NewReader(`time="2026-11-23T22:34:19Z" level=warning msg="` + retrying + `"` + "\r\n")},
	}, "checkout")
	require.NoError(t, err)
	require.Len(t, h.Events, 2)
	require.Equal(t, "a.log:1 checkout 0s", where(h.Events[0]))
	require.Equal(t, "b.log:3 other 5s", where(h.Events[1]))
}

func where(e history.Event) string {
	return e.Source + ":" + string(rune('0'+e.Seq)) + " " + e.Service + " " + e.At.String()
}

func TestATimelineThatIsNoneIsToldWithLineAndHint(t *testing.T) {
	_, err := testimony.Timeline("t.log", strings.NewReader("+0.000 driver HEAL\nnonsense\n"), "checkout", "order-processor")
	var problems problem.List
	require.True(t, errors.As(err, &problems))
	require.Contains(t, err.Error(), "t.log:2: not an event")
	_, err = testimony.Timeline("t.log", strings.NewReader("\n"), "checkout", "order-processor")
	require.ErrorContains(t, err, "no event")
}

func FuzzLogs(f *testing.F) {
	f.Add(`time="2026-11-23T22:34:19.3Z" level=info msg="Circuit breaker \"a:b\" changed state from open to half-open" app_id=x`)
	f.Add(`{"app_id":"x","msg":"Recovered processing operation a after 10 attempts","time":"2026-11-23T22:34:19.3Z"}`)
	f.Add("[pod/a/daprd] 2026-11-23T22:34:19.3Z \x1b[36mINFO\x1b[0m[0005] Error processing operation a. Retrying...")
	f.Add("== DAPR - a == WARN[999999999] Error processing operation a. Retrying in 1s…")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := testimony.Logs([]testimony.Log{{Name: "f", Reader: strings.NewReader(text)}}, "checkout")
		if strings.TrimSpace(text) == "" {
			require.ErrorContains(t, err, "the log is empty")
			return
		}
		require.NoError(t, err)
		require.LessOrEqual(t, len(h.Events), strings.Count(text, "\n")+1)
		for _, e := range h.Events {
			require.LessOrEqual(t, len(e.Text), 64<<10)
		}
	})
}

func FuzzTimeline(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "..", "sidecar", "testdata", "recordings", "*", "timeline.log"))
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		lines := strings.SplitAfterN(string(text), "\n", 31)
		f.Add(strings.Join(lines[:30], ""))
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := testimony.Timeline("f", strings.NewReader(text), "checkout", "order-processor")
		if err != nil {
			require.Nil(t, h)
			return
		}
		require.LessOrEqual(t, len(h.Events), strings.Count(text, "\n")+1)
	})
}
