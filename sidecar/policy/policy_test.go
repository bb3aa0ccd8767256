package policy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A log notes what an engine says, with the time since it began.
type log struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%s ", time.Since(l.began))+fmt.Sprintf(format, args...))
}

func (l *log) Retrying(op, _ string, gap time.Duration) { l.add("retrying %s in %s", op, gap) }
func (l *log) Recovered(op string, n int)               { l.add("recovered after %d", n) }
func (l *log) Changed(name, _ string, from, to gobreaker.State) {
	l.add("%s: %s to %s", name, from, to)
}
func (l *log) TimedOut(string) { l.add("timed out") }

// quickstart is the page's own spec.
const quickstart = `
kind: Resiliency
metadata: { name: myresiliency }
spec:
  policies:
    retries: { retryForever: { policy: constant, maxInterval: 5s, maxRetries: -1 } }
    circuitBreakers: { simpleCB: { maxRequests: 1, timeout: 5s, trip: consecutiveFailures >= 5 } }
  targets: { apps: { order-processor: { retry: retryForever, circuitBreaker: simpleCB } } }
`

func load(t testing.TB, spec string) *Policies {
	t.Helper()
	r, err := Decode([]byte(spec))
	require.NoError(t, err)
	p := New()
	require.NoError(t, p.Add(r))
	return p
}

// with puts policies and an app target around a spec's own lines.
func with(policies, target string) string {
	return "kind: Resiliency\nmetadata: { name: x }\nspec:\n  policies:\n    " + strings.ReplaceAll(strings.TrimSpace(policies), "\n", "\n    ") +
		"\n  targets: { apps: { a: " + target + " } }\n"
}

var errDown = fmt.Errorf("%w: connection refused", ErrUnreachable)

// A bench runs operations against a target in a bubble.
type bench struct {
	*log
	engine *Engine
	target Target
	starts []time.Duration
}

func newBench(t testing.TB, spec, app string) *bench {
	b := &bench{log: &log{began: time.Now()}}
	b.engine, b.target = NewEngine(b, nil), load(t, spec).For(app)
	return b
}

// do runs one operation; answer gives the outcome of the n-th attempt.
func (b *bench) do(ctx context.Context, answer func(n int) (int, error)) (int, error) {
	return b.engine.Do(ctx, b.target, "orders", false, func(ctx context.Context, n int) (int, error) {
		b.mu.Lock()
		b.starts = append(b.starts, time.Since(b.began))
		b.mu.Unlock()
		return answer(n)
	})
}

// say sends a request that the app answers with a status; hold sends one that it answers when told to.
func (b *bench) say(t *testing.T, status int) error {
	got, err := b.do(t.Context(), always(status, nil))
	if err == nil {
		require.Equal(t, status, got)
	}
	return err
}

func (b *bench) hold(t *testing.T) (answer func(status int) error) {
	statuses, result := make(chan int), make(chan error)
	go func() {
		_, err := b.do(t.Context(), func(int) (int, error) { return <-statuses, nil })
		result <- err
	}()
	synctest.Wait()
	return func(status int) error {
		statuses <- status
		return <-result
	}
}

// changes are the transitions so far, without the breaker's name.
func (b *bench) changes() (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lines {
		if strings.Contains(l, "a:orders: ") {
			out = append(out, strings.Replace(l, "a:orders: ", "", 1))
		}
	}
	return out
}

func TestTheQuickstartSecondBySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, quickstart, "order-processor")
		status, err := b.do(t.Context(), func(int) (int, error) {
			if time.Since(b.began) < 43*time.Second {
				return 0, errDown
			}
			return 200, nil
		})
		require.NoError(t, err)
		require.Equal(t, 200, status)
		var want []time.Duration
		for at := 0; at <= 45; at += 5 {
			want = append(want, time.Duration(at)*time.Second)
		}
		require.Equal(t, want, b.starts)
		require.Equal(t, []string{
			"0s retrying endpoint[order-processor, order-processor:orders] in 5s",
			"20s order-processor:orders: closed to open",
			"25s order-processor:orders: open to half-open", "25s order-processor:orders: half-open to open",
			"30s order-processor:orders: open to half-open", "30s order-processor:orders: half-open to open",
			"35s order-processor:orders: open to half-open", "35s order-processor:orders: half-open to open",
			"40s order-processor:orders: open to half-open", "40s order-processor:orders: half-open to open",
			"45s order-processor:orders: open to half-open", "45s order-processor:orders: half-open to closed",
			"45s recovered after 10",
		}, b.lines)
	})
}

func always(status int, err error) func(int) (int, error) {
	return func(int) (int, error) { return status, err }
}

// The policy layer's own cost where nothing fails.
func BenchmarkDo(b *testing.B) {
	e := NewEngine(&log{began: time.Now()}, nil)
	target := load(b, quickstart).For("order-processor")
	attempt := func(context.Context, int) (int, error) { return 200, nil }
	b.ReportAllocs()
	for b.Loop() {
		e.Do(context.Background(), target, "orders", false, attempt)
	}
}
