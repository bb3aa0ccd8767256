package report_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	mouse "github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browserNames are what Chromium is called on different systems.
var browserNames = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless_shell", "headless-shell",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
}

// A browser is one Chromium, and what it complained of and asked for since the last page was opened.
type browser struct {
	context.Context
	mu       sync.Mutex
	troubles []string
	requests []string
}

// newBrowser starts one; where none is found the test is skipped by name.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: starts a browser")
	}
	path := ""
	for _, name := range browserNames {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("skipped: no Chromium is found here")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser's end, so that its profile can be removed
		end()
		cancel()
	})
	b := &browser{Context: ctx}
	require.NoError(t, chromedp.Listen(ctx, b.hear))
	call(t, b, network.Enable, network.EnableParams{})
	call(t, b, runtime.Enable, cdp.Empty{})
	call(t, b, log.Enable, cdp.Empty{})
	return b
}

func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.troubles = append(b.troubles, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		text := "console." + string(e.Type)
		for _, a := range e.Args {
			text += fmt.Sprintf(" %s %s", a.Value, a.Description)
		}
		b.troubles = append(b.troubles, text)
	case *log.EventEntryAdded:
		b.troubles = append(b.troubles, fmt.Sprintf("%s: %s", e.Entry.Level, e.Entry.Text))
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// A step is one thing done in the browser.
type step = chromedp.Action[chromedp.Void]

func call[P, R any](t *testing.T, b *browser, command cdp.Command[P, R], params P) {
	t.Helper()
	_, err := chromedp.Call(b, command, params)
	require.NoError(t, err)
}

// open shows a page in a window of a size, and waits until its script is done.
func (b *browser) open(t *testing.T, page []byte, width, height int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(path, page, 0o600))
	return b.openFile(t, path, width, height)
}

func (b *browser) openFile(t *testing.T, path string, width, height int64) string {
	t.Helper()
	url := b.show(t, path, width, height)
	b.do(t, chromedp.WaitReady(chromedp.CSS(`html[data-ready=yes]`)))
	return url
}

// openPlain shows a page that has no script.
func (b *browser) openPlain(t *testing.T, page []byte, width, height int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index.html")
	require.NoError(t, os.WriteFile(path, page, 0o600))
	return b.show(t, path, width, height)
}

func (b *browser) show(t *testing.T, path string, width, height int64) string {
	t.Helper()
	b.mu.Lock()
	b.troubles, b.requests = nil, nil
	b.mu.Unlock()
	url := "file://" + filepath.ToSlash(path)
	b.do(t, chromedp.EmulateViewport(width, height), chromedp.Navigate(url))
	return url
}

func (b *browser) do(t *testing.T, steps ...step) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b, time.Minute)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, steps...))
}

// ask evaluates an expression in the page.
func ask[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b, time.Minute)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	return out
}

// until waits for something that the page paints at its own time.
func (b *browser) until(t *testing.T, expression string) {
	t.Helper()
	_, err := chromedp.Run(b, chromedp.Poll[bool]("!!("+expression+")", chromedp.WithPollingTimeout(20*time.Second)))
	require.NoError(t, err, expression)
}

// quiet says that the page complained of nothing and asked for nothing but itself.
func (b *browser) quiet(t *testing.T, url string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.troubles)
	for _, r := range b.requests {
		require.True(t, r == url || strings.HasPrefix(r, "data:"), "the page asks for %s", r)
	}
}

func (b *browser) dark(t *testing.T, on bool) {
	t.Helper()
	value := "light"
	if on {
		value = "dark"
	}
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
}

// picture keeps a picture of what is on the screen, where HALFOPEN_LOOK names a folder for them.
func (b *browser) picture(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("HALFOPEN_LOOK")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

func (b *browser) move(t *testing.T, x, y float64) {
	t.Helper()
	b.do(t, chromedp.MouseEvent(chromedp.MouseMoved, x, y))
}

func (b *browser) wheel(t *testing.T, x, y, by float64) {
	t.Helper()
	call(t, b, mouse.DispatchMouseEvent, mouse.DispatchMouseEventParams{Type: mouse.DispatchMouseEventTypeMouseWheel, X: x, Y: y, DeltaX: .01, DeltaY: by})
}

func (b *browser) bodyText(t *testing.T) string {
	t.Helper()
	text, err := chromedp.Run(b, chromedp.Text(chromedp.CSS("body")))
	require.NoError(t, err)
	return text
}
