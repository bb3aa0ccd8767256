package oracle

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
)

// Lines of daprd 1.18.3 as recorded, of the quickstart's page, and of older versions.
func TestWhatSidecarsSayIsUnderstoodInEachFormAndWording(t *testing.T) {
	const operation = "endpoint[order-processor, order-processor:orders]"
	for _, c := range []struct {
		name, line string
		want       Said
	}{
		{"the_page", `INFO[0005] Error processing operation endpoint[order-processor, order-processor:orders]. Retrying...`, Said{Kind: saidRetrying, Operation: operation}},
		{"the_page_under_dapr_run", `== APP == INFO[0005] Error processing operation endpoint[order-processor, order-processor:orders]. Retrying...`, Said{Kind: saidRetrying, Operation: operation}},
		{"the_page_padded", "INFO[0025] Circuit breaker \"order-processor:orders\" changed state from closed to open  app_id=checkout instance=vm scope=dapr.runtime type=log ver=1.18.3", Said{Kind: saidChanged, Breaker: "order-processor:orders", From: closed, To: open}},
		{"logfmt", `time="2026-11-23T22:34:19.329519181Z" level=warning msg="Error processing operation endpoint[order-processor, order-processor:orders]. Retrying in 5s…" app_id=checkout instance=vm scope=dapr.runtime type=log ver=1.18.3`, Said{Kind: saidRetrying, Operation: operation}},
		{"logfmt_with_a_jittered_gap", `time="2026-11-23T22:34:19Z" level=warning msg="Error processing operation endpoint[order-processor, order-processor:orders]. Retrying in 501.5ms…" app_id=checkout`, Said{Kind: saidRetrying, Operation: operation}},
		{"logfmt_transition", `time="2026-11-23T22:34:39.4Z" level=info msg="Circuit breaker \"order-processor:orders\" changed state from open to half-open" app_id=checkout instance=vm scope=dapr.runtime type=log ver=1.18.3`, Said{Kind: saidChanged, Breaker: "order-processor:orders", From: open, To: halfOpen}},
		{"json", `{"app_id":"checkout","instance":"vm","level":"info","msg":"Circuit breaker \"order-processor:orders\" changed state from half-open to closed","scope":"dapr.runtime","time":"2026-11-23T22:36:11.3Z","type":"log","ver":"1.18.3"}`, Said{Kind: saidChanged, Breaker: "order-processor:orders", From: halfOpen, To: closed}},
		{"recovered", `time="2026-11-23T22:35:04Z" level=info msg="Recovered processing operation endpoint[order-processor, order-processor:orders] after 10 attempts" app_id=checkout`, Said{Kind: saidRecovered, Operation: operation, Attempts: 10}},
		{"recovered_before_1.13", `INFO[0045] Recovered processing operation endpoint[order-processor, order-processor:orders].`, Said{Kind: saidRecovered, Operation: operation}},
		{"recovered_on_a_terminal", "INFO[0045] Recovered processing operation endpoint[order-processor, order-processor:orders] after 10 attempts  app_id=checkout instance=vm scope=dapr.runtime type=log ver=1.18.3", Said{Kind: saidRecovered, Operation: operation, Attempts: 10}},
		{"coloured", "\x1b[33mWARN\x1b[0m[0045] Error processing operation DaprBuiltInServiceRetries. Retrying in 1s…  \x1b[33mapp_id\x1b[0m=checkout", Said{Kind: saidRetrying, Operation: builtinName}},
		{"builtin", `WARN[0002] Error processing operation DaprBuiltInServiceRetries. Retrying in 1s…`, Said{Kind: saidRetrying, Operation: builtinName}},
		{"not_read", `time="x" level=error msg="Could not read resiliency policy myresiliency: invalid pattern 5xx, start code 5xx is not valid" app_id=checkout`, Said{Kind: saidNotLoaded}},
		{"not_parsed", `time="x" level=error msg="Could not parse resiliency file resources/resiliency.yaml: yaml: line 3" app_id=checkout`, Said{Kind: saidNotLoaded}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &history.Event{Part: history.Sidecar, Text: c.line}
			c.want.Line = e
			require.Equal(t, []Said{c.want}, testimony([]*history.Event{e}))
		})
	}
}

func TestWhatIsNotTestimonyIsNoneOfIt(t *testing.T) {
	for _, line := range []string{
		"", "{", `{"msg":5}`, "time=", `time="x" level=info`, "INFO[0000] Loading Resiliency configuration: myresiliency",
		`== APP == Order passed: {"orderId":1}`, `Circuit breaker "x" changed state from closed to ajar`,
	} {
		require.Empty(t, testimony([]*history.Event{{Part: history.Sidecar, Text: line}}), line)
	}
	require.Empty(t, testimony([]*history.Event{{Part: history.App, Text: "INFO[0005] Error processing operation x. Retrying..."}}), "an app is no sidecar")
}

func FuzzTestimony(f *testing.F) {
	f.Add(`time="2026" level=info msg="Circuit breaker \"a:b\" changed state from open to half-open" app_id=x`)
	f.Add(`{"msg":"Recovered processing operation a after 10 attempts"}`)
	f.Add("\x1b[36mINFO\x1b[0m[0005] Error processing operation a. Retrying...")
	f.Fuzz(func(t *testing.T, line string) {
		for _, s := range testimony([]*history.Event{{Part: history.Sidecar, Text: line}}) {
			require.NotEmpty(t, s.Kind)
		}
	})
}
