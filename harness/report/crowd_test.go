package report_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// crowd is a minute with so many events at least: orders of many callers, and an outage in the middle third, in which
// each attempt is reset.
func crowd(t testing.TB, events int) report.Input {
	t.Helper()
	in := input(t)
	var text bytes.Buffer
	started := time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	rec, err := history.NewRecorder(&text, history.Header{Run: "crowd", Scenario: "stop-order-processor", Env: "process", Sidecar: "builtin", Started: started})
	require.NoError(t, err)
	n := 0
	put := func(at time.Duration, e history.Event) {
		e.At = at
		rec.Record(e)
		n++
	}
	put(time.Microsecond, history.Event{Source: history.Runner, Kind: history.KindPhase, Text: history.PhaseLoad})
	orders := events / 8
	for i := range orders {
		at := time.Duration(i+1) * time.Minute / time.Duration(orders+1)
		if what := map[int]string{orders / 3: "injected", orders * 2 / 3: "healed"}[i]; what != "" {
			put(at, history.Event{Source: history.Runner, Kind: history.KindFault, ID: "stop-order-processor", Text: what})
		}
		exchange(put, at, i, at > 20*time.Second && at < 40*time.Second)
	}
	put(time.Minute, history.Event{Source: history.Runner, Kind: history.KindPhase, Text: history.PhaseTeardown})
	require.NoError(t, rec.Close("done"))
	in.HistoryText = text.Bytes()
	in.History, err = history.Read(bytes.NewReader(in.HistoryText))
	require.NoError(t, err)
	require.Empty(t, in.History.Flaws)
	require.GreaterOrEqual(t, len(in.History.Events), events)
	c := oracle.Case{Plan: in.Plan, History: in.History}
	in.Verdict = oracle.Judge(c)
	in.Chart, in.Observed, in.Causes = oracle.Draw(c), oracle.Observe(c), oracle.Causes(c)
	return in
}

// exchange is one order on its three links.
func exchange(put func(time.Duration, history.Event), at time.Duration, i int, broken bool) {
	op, id, conn := fmt.Sprintf("%032x", i+1), fmt.Sprint(i+1), uint64(i+1)
	attrs := map[string]string{"n": "1", "method": "POST", "length": "13", "app": "order-processor"}
	links := []struct{ name, path string }{{"checkout->sidecar", "/v1.0/invoke/order-processor/method/orders"}, {"checkout->order-processor", "/orders"}, {"order-processor->app", "/orders"}}
	status := 200
	if broken {
		links, status = links[:2], 500
	}
	for k, l := range links {
		put(at+time.Duration(k)*200*time.Microsecond, history.Event{Source: history.Links, Kind: history.KindRequest, Link: l.name, Conn: conn, Op: op, ID: id, Path: l.path, Attrs: attrs})
	}
	for k := len(links) - 1; k >= 0; k-- {
		l, end := links[k], at+time.Duration(3+2*(3-k))*200*time.Microsecond
		if broken && k == 1 {
			put(end, history.Event{Source: history.Links, Kind: history.KindClose, Link: l.name, Conn: conn, Text: "reset", Attrs: map[string]string{"by": "upstream", "open": "1"}})
			continue
		}
		for _, kind := range []history.Kind{history.KindResponse, history.KindComplete} {
			put(end, history.Event{Source: history.Links, Kind: kind, Link: l.name, Conn: conn, Op: op, ID: id, Path: l.path, Status: status, Attrs: map[string]string{"n": "1"}})
		}
	}
	for k := 0; broken && k < 3; k++ { // an outage makes the sidecars talk
		put(at+time.Millisecond, history.Event{Source: history.Output("checkout", "sidecar"), Kind: history.KindLine, Service: "checkout", Part: "sidecar", Text: fmt.Sprintf("line %d of order %d", k, i)})
	}
}

// A machine that is busy with other things keeps the page waiting. So besides the time on the clock the time that the
// page's own thread worked is measured: that is no more on a busy machine.
func TestAHundredThousandEventsOpenWithinTwoSeconds(t *testing.T) {
	b := newBrowser(t)
	when := func(mark string) time.Duration {
		ms := ask[float64](t, b, fmt.Sprintf(`performance.getEntriesByName(%q)[0].startTime`, mark))
		return time.Duration(ms * float64(time.Millisecond))
	}
	call(t, b, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	worked := func() time.Duration {
		answer, err := chromedp.Call(b, performance.GetMetrics, cdp.Empty{})
		require.NoError(t, err)
		for _, m := range answer.Metrics {
			if m.Name == "TaskDuration" {
				return time.Duration(m.Value * float64(time.Second))
			}
		}
		require.Fail(t, "no TaskDuration is told")
		return 0
	}
	page := report.HTML(crowd(t, 100_000))
	before := worked()
	url := b.open(t, page, 1280, 1400)
	work := worked()
	if work >= before {
		work -= before
	}
	drawn, ready := when("drawn"), when("ready")
	t.Logf("100,000 events, %d KiB: drawn after %s, all of it there after %s, of which the page worked %s", len(page)>>10, drawn, ready, work)
	require.Positive(t, work)
	require.Less(t, min(ready, work), 2*time.Second)
	b.quiet(t, url)
	b.picture(t, "crowd")

	// It is still a page to work with: what is pointed at is told, and the last event can be gone to.
	b.do(t, chromedp.ScrollIntoView(chromedp.CSS("canvas")))
	x, y := at(t, b, 26+26+23, 30)
	b.move(t, x, y)
	require.Contains(t, ask[string](t, b, `document.getElementById("tip").textContent`), "failed")
	ask[any](t, b, `document.querySelector("canvas").focus()`)
	for range 6 {
		b.wheel(t, x, y, -300)
	}
	b.until(t, `(() => { const c = document.querySelector("canvas"); return c.dataset.hi - c.dataset.lo < 1e6 })()`)
	b.move(t, x+1, y)
	b.picture(t, "crowd-near")
}
