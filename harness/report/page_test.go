package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	mouse "github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/oracle"
	"github.com/halfopen/halfopen/harness/report"
)

// kinds are a report of each outcome.
func kinds(t *testing.T) map[string]report.Input {
	undecided := input(t)
	undecided.Verdict.Outcome = oracle.Unknown
	undecided.Verdict.Why = []string{"history: truncated: there is no end"}
	undecided.Verdict.Results[3].Outcome, undecided.Verdict.Results[3].Why = oracle.Unknown, "the machine was too busy"
	return map[string]report.Input{
		"pass": input(t), "unknown": undecided, "fail": input(t, "policy: constant", "policy: constant\n        duration: 4s"),
	}
}

func TestEachReportOpensQuietly(t *testing.T) {
	b := newBrowser(t)
	for name, in := range kinds(t) {
		for _, width := range []int64{1280, 390} {
			for _, night := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s at %d, dark %t", name, width, night), func(t *testing.T) {
					b.dark(t, night)
					url := b.open(t, report.HTML(in), width, 844)
					b.quiet(t, url)
					require.LessOrEqual(t, ask[float64](t, b, `document.documentElement.scrollWidth`), float64(width), "the page is wider than its window")
					if name != "pass" {
						require.True(t, ask[bool](t, b, `(() => { const f = document.querySelector(".finding .what").getBoundingClientRect(); return f.top >= 0 && f.bottom <= innerHeight })()`), "what is broken is not on the first screen")
						require.Equal(t, name == "fail", ask[bool](t, b, `document.querySelector("main > header + *").matches(".finding.fail")`))
					}
					for i, top := range ask[[]float64](t, b, `Array.from({length: Math.ceil(document.documentElement.scrollHeight / 800)}, (_, i) => i * 800)`) {
						if i < 9 {
							ask[any](t, b, fmt.Sprintf("scrollTo(0, %f)", top))
							b.picture(t, fmt.Sprintf("%s-%d-%t-%d", name, width, night, i))
						}
					}
				})
			}
		}
	}
}

// at gives a point of the picture on the screen: a row by the start of its label, a time in seconds.
func at(t *testing.T, b *browser, top int, seconds float64) (x, y float64) {
	t.Helper()
	p := ask[[]float64](t, b, fmt.Sprintf(`(() => { const c = document.querySelector("canvas"), f = c.getBoundingClientRect(), lo = +c.dataset.lo, hi = +c.dataset.hi;
		return [f.left + 190 + (%f * 1e6 - lo) / (hi - lo) * (f.width - 202), f.top + %d] })()`, seconds, top))
	return p[0], p[1]
}

// Where rows of the home story's picture stand, in pixels from its top.
const faultsRow, ordersRow, attemptsRow, breakerRow = 26 + 13, 26 + 26 + 40 + 23, 26 + 26 + 40 + 46 + 23, 26 + 26 + 40 + 46 + 46 + 20

func TestThePictureTellsWhatIsPointedAt(t *testing.T) {
	b := newBrowser(t)
	url := b.open(t, report.HTML(input(t)), 1280, 1400)
	b.do(t, chromedp.ScrollIntoView(chromedp.CSS("canvas")))
	for _, c := range []struct {
		row  int
		at   float64
		says string
	}{
		{faultsRow, 20, "stop order-processor for 45s"},
		{ordersRow, 27.314, "order probe-1: refused at once"},
		{ordersRow, 20, "order 5: answered 200 after 10 attempts"},
		{attemptsRow, 14.303, "attempt 3 of order 5: closed without an answer"},
		{attemptsRow, 14.303, "foretold"},
		{breakerRow, 26, "order-processor:orders open, on failure 5"},
		{breakerRow, 39.32, "half-open"},
		{breakerRow, 52, "closed"},
	} {
		x, y := at(t, b, c.row, c.at)
		b.do(t, chromedp.MouseEvent(chromedp.MouseMoved, x, y))
		require.Contains(t, ask[string](t, b, `document.getElementById("tip").hidden ? "nothing" : document.getElementById("tip").textContent`), c.says)
	}
	b.picture(t, "hover")
	b.quiet(t, url)
}

func TestAClickGoesToTheEvent(t *testing.T) {
	b := newBrowser(t)
	url := b.open(t, report.HTML(input(t, "policy: constant", "policy: constant\n        duration: 4s")), 1280, 900)
	b.do(t, chromedp.ScrollIntoView(chromedp.CSS("canvas")))
	x, y := at(t, b, attemptsRow, 14.303)
	b.do(t, chromedp.MouseClickXY(x, y))
	b.until(t, `document.querySelector(".row[aria-selected=true]")`)
	chosen := ask[string](t, b, `document.getElementById("event").textContent`)
	require.Contains(t, chosen, "links #50")
	require.Contains(t, chosen, `"kind": "request"`)
	require.True(t, ask[bool](t, b, `(() => { const r = document.querySelector(".row[aria-selected=true]").getBoundingClientRect(); return r.top > 0 && r.bottom < innerHeight })()`), "the event is not on the screen")
	b.picture(t, "event")

	ask[any](t, b, `document.querySelector(".finding a[data-seq='45']").click()`)
	require.Contains(t, ask[string](t, b, `document.getElementById("event").textContent`), "links #45")
	ask[any](t, b, `document.querySelector(".line.broken a[data-seq]").click()`)
	require.Contains(t, ask[string](t, b, `document.getElementById("event").textContent`), "links #47")
	b.quiet(t, url)
}

func TestWheelButtonsAndDragZoomAndPan(t *testing.T) {
	b := newBrowser(t)
	b.open(t, report.HTML(input(t)), 1280, 1400)
	b.do(t, chromedp.ScrollIntoView(chromedp.CSS("canvas")))
	wide := func() float64 {
		return ask[float64](t, b, `(() => { const c = document.querySelector("canvas"); return c.dataset.hi - c.dataset.lo })()`)
	}
	whole := wide()
	b.do(t, chromedp.Click(chromedp.CSS(`button[data-do=in]`)))
	b.until(t, fmt.Sprintf(`(() => { const c = document.querySelector("canvas"); return Math.abs((c.dataset.hi - c.dataset.lo) - %f) < 2 })()`, whole/2))
	x, y := at(t, b, attemptsRow, 30)
	b.do(t, chromedp.MouseEvent(chromedp.MouseMoved, x, y))
	before := wide()
	b.do(t, chromedp.Focus(chromedp.CSS("canvas")))
	b.wheel(t, x, y, -300)
	b.until(t, fmt.Sprintf(`(() => { const c = document.querySelector("canvas"); return c.dataset.hi - c.dataset.lo < %f })()`, before*.5))
	lo := ask[string](t, b, `document.querySelector("canvas").dataset.lo`)
	b.do(t, chromedp.MouseEvent(chromedp.MousePressed, x, y, chromedp.Button("left"), chromedp.ClickCount(1)),
		chromedp.MouseEvent(chromedp.MouseMoved, x-120, y, chromedp.Button("left")), chromedp.MouseEvent(chromedp.MouseReleased, x-120, y, chromedp.Button("left"), chromedp.ClickCount(1)))
	b.until(t, fmt.Sprintf(`+document.querySelector("canvas").dataset.lo > %s`, lo))
	require.True(t, ask[bool](t, b, `document.getElementById("event").hidden`), "a drag is no click")
	b.picture(t, "zoomed")
	b.do(t, chromedp.Click(chromedp.CSS(`button[data-do=whole]`)))
	b.until(t, fmt.Sprintf(`(() => { const c = document.querySelector("canvas"); return Math.abs((c.dataset.hi - c.dataset.lo) - %f) < 2 })()`, whole))
}

func TestTwoFingersZoom(t *testing.T) {
	b := newBrowser(t)
	b.open(t, report.HTML(input(t)), 390, 844)
	call(t, b, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true, MaxTouchPoints: 2})
	b.do(t, chromedp.ScrollIntoView(chromedp.CSS("canvas")))
	p := ask[[]float64](t, b, `(() => { const f = document.querySelector("canvas").getBoundingClientRect(); return [f.left + f.width / 2, f.top + 100] })()`)
	left, right := 1.0, 2.0
	touch := func(kind mouse.DispatchTouchEventType, apart float64) {
		t.Helper()
		params := mouse.DispatchTouchEventParams{Type: kind, TouchPoints: []*mouse.TouchPoint{}}
		if apart > 0 {
			params.TouchPoints = []*mouse.TouchPoint{{X: p[0] - apart/2, Y: p[1], ID: &left}, {X: p[0] + apart/2, Y: p[1], ID: &right}}
		}
		call(t, b, mouse.DispatchTouchEvent, params)
	}
	touch(mouse.DispatchTouchEventTypeTouchStart, 40)
	for apart := 50.0; apart <= 200; apart += 10 {
		touch(mouse.DispatchTouchEventTypeTouchMove, apart)
	}
	touch(mouse.DispatchTouchEventTypeTouchEnd, 0)
	b.until(t, `(() => { const c = document.querySelector("canvas"); return c.dataset.hi - c.dataset.lo < 25e6 })()`)
	b.picture(t, "pinched")
}

func TestKeysDoWhatTheMouseDoes(t *testing.T) {
	b := newBrowser(t)
	url := b.open(t, report.HTML(input(t)), 1280, 900)
	told := func() string { return ask[string](t, b, `document.getElementById("told").textContent`) }
	b.do(t, chromedp.Focus(chromedp.CSS("canvas")), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown))
	first := told()
	require.Contains(t, first, "checkout → order-processor, attempts")
	b.do(t, chromedp.KeyEvent(kb.ArrowRight))
	require.NotEqual(t, first, told())
	b.do(t, chromedp.KeyEvent("+"), chromedp.KeyEvent("+"))
	b.until(t, `(() => { const c = document.querySelector("canvas"); return c.dataset.hi - c.dataset.lo < 16e6 })()`)
	b.picture(t, "keys")
	ask[any](t, b, `document.querySelector("#story ~ .wide a[data-at='27.314']").click()`)
	require.Contains(t, told(), "order probe-1")
	require.NotContains(t, told(), first)
	b.do(t, chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowRight))
	require.Contains(t, told(), "checkout → order-processor, attempts")
	b.do(t, chromedp.KeyEvent("0"))
	b.until(t, `(() => { const c = document.querySelector("canvas"); return c.dataset.hi - c.dataset.lo > 50e6 })()`)
	b.do(t, chromedp.KeyEvent(kb.Enter))
	require.Equal(t, "rows", ask[string](t, b, `document.activeElement.id`))
	at := ask[string](t, b, `document.getElementById("event").textContent`)
	require.Contains(t, at, `"kind": "request"`)
	b.do(t, chromedp.KeyEvent(kb.ArrowDown))
	require.NotEqual(t, at, ask[string](t, b, `document.getElementById("event").textContent`))
	b.do(t, chromedp.KeyEvent(kb.End))
	require.Contains(t, ask[string](t, b, `document.getElementById("event").textContent`), `"kind": "end"`)
	b.quiet(t, url)
}

func TestEventsAreFoundAndTheRawHistoryIsWhole(t *testing.T) {
	b := newBrowser(t)
	in := input(t)
	b.open(t, report.HTML(in), 1280, 900)
	require.Equal(t, "280 of 280", ask[string](t, b, `document.getElementById("count").textContent`))
	b.do(t, chromedp.SendKeys(chromedp.CSS("#find"), "probe-1"))
	b.until(t, `document.getElementById("count").textContent.match(/^[1-9] of/)`)
	b.do(t, chromedp.Click(chromedp.CSS("#all")), chromedp.SetValue(chromedp.CSS("#kind"), "fault"))
	ask[any](t, b, `document.getElementById("kind").dispatchEvent(new Event("change"))`)
	require.Equal(t, "4 of 280", ask[string](t, b, `document.getElementById("count").textContent`))
	saved := ask[string](t, b, `new Promise((done) => { URL.createObjectURL = (blob) => { blob.text().then(done); return "data:," }; HTMLAnchorElement.prototype.click = () => {}; document.getElementById("save").dispatchEvent(new Event("click")) })`)
	require.Equal(t, string(in.HistoryText), saved)
}

func TestTheStoryIsThereWithoutScript(t *testing.T) {
	b := newBrowser(t)
	page := report.HTML(input(t, "policy: constant", "policy: constant\n        duration: 4s"))
	require.NotContains(t, string(page), "data-ready")
	call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.openPlain(t, page, 1280, 900)
	for _, text := range []string{"retry-gap", "orders 1 to 4 accepted", "needs a browser that runs the script"} {
		require.Contains(t, b.bodyText(t), text)
	}
	require.False(t, strings.Contains(b.bodyText(t), "zoom in"))
}

func TestHostileStringsRunNowhere(t *testing.T) {
	b := newBrowser(t)
	for i, bad := range []string{
		`<script>document.title="pwned"</script>`, `"><img src=x onerror="document.title='pwned'">`, `</script><script>document.title="pwned"</script>`,
		`</title></style><svg onload="document.title='pwned'">`, `javascript:document.title="pwned"`, "{{.}}${document.title='pwned'}", "\x1b]0;pwned\x07\x00\xff\u202epwned", strings.Repeat("<b>long ", 150_000),
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			url := b.open(t, report.HTML(poisoned(t, bad)), 390, 844)
			ask[any](t, b, `document.querySelector("canvas").focus()`)
			b.do(t, chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
			ask[any](t, b, `document.getElementById("rows").focus()`)
			b.do(t, chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.PageDown), chromedp.KeyEvent(kb.PageDown), chromedp.KeyEvent(kb.PageDown), chromedp.KeyEvent(kb.ArrowDown))
			require.NotEqual(t, "pwned", ask[string](t, b, `document.title`))
			require.Zero(t, ask[float64](t, b, `document.querySelectorAll("img, script:not([type]) ~ script, iframe, svg").length`))
			require.LessOrEqual(t, ask[float64](t, b, `document.documentElement.scrollWidth`), 390.0, "too wide: %s", ask[string](t, b, `[...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > 390).slice(0, 5).map((e) => e.tagName + "." + e.className + "#" + e.id).join(" ")`))
			b.quiet(t, url)
			b.picture(t, fmt.Sprintf("hostile-%d", i))
		})
	}
}

func TestTheIndexOpensQuietly(t *testing.T) {
	b := newBrowser(t)
	var entries []report.Entry
	for name, in := range kinds(t) {
		entries = append(entries, report.Entry{Dir: name, Verdict: in.Verdict}, report.Entry{Dir: "again/" + name, Verdict: in.Verdict})
	}
	for _, width := range []int64{1280, 390} {
		for _, night := range []bool{false, true} {
			b.dark(t, night)
			url := b.openPlain(t, report.Index(entries), width, 844)
			b.quiet(t, url)
			require.LessOrEqual(t, ask[float64](t, b, `document.documentElement.scrollWidth`), float64(width))
			require.True(t, ask[bool](t, b, `document.querySelector(".runs li").matches(".fail") && document.querySelector(".runs li .reason").getBoundingClientRect().bottom < innerHeight`))
			b.picture(t, fmt.Sprintf("index-%d-%t", width, night))
		}
	}
}
