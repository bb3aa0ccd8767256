package checkout

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheQuickstartsOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSidecar()
		printed := s.play(t, Config{}, 3500*time.Millisecond)
		require.Equal(t, []string{
			`Order passed: {"orderId":1}`, `Order passed: {"orderId":2}`,
			`Order passed: {"orderId":3}`, `Order passed: {"orderId":4}`,
		}, printed)
		require.Equal(t, []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}, s.times())
		require.Equal(t, 1, s.dialled, "connections")
		first := s.seen[0]
		require.Equal(t, "POST /orders", first.Method+" "+first.URL.String())
		require.Equal(t, "application/json", first.Header.Get("Content-Type"))
		require.Equal(t, "order-processor", first.Header.Get("dapr-app-id"))
		require.Equal(t, int64(len(`{"orderId":1}`)), first.ContentLength, "chunked bodies are not retried")
		require.Equal(t, []string{"1", "2", "3", "4"}, s.header("X-Order-Id"))
		traces := s.header("traceparent")
		for _, trace := range traces {
			require.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-01$", trace)
		}
		slices.Sort(traces)
		require.Len(t, slices.Compact(traces), 4, "each sending is an operation of its own")
	})
}

func TestAllThatCanBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSidecar()
		printed := s.play(t, Config{
			Endpoint: "http://sidecar:3501/", To: "stock", Method: "PUT", Path: "/v1/items?dry=true",
			Headers: map[string]string{"X-Region": "eu", "host": "shop", "Content-Type": "text/plain", "x-order-id": "no"},
			Body:    "item {{.ID}}\nof many", Every: 250 * time.Millisecond,
		}, 600*time.Millisecond)
		require.Equal(t, []string{"Order passed: item 1 of many", "Order passed: item 2 of many", "Order passed: item 3 of many"}, printed)
		require.Equal(t, []string{"item 1\nof many", "item 2\nof many", "item 3\nof many"}, s.bodies)
		require.Equal(t, []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond}, s.times())
		first := s.seen[0]
		require.Equal(t, "PUT /v1/items?dry=true", first.Method+" "+first.URL.String())
		require.Equal(t, "shop", first.Host)
		require.Equal(t, "eu", first.Header.Get("X-Region"))
		require.Equal(t, "text/plain", first.Header.Get("Content-Type"))
		require.Equal(t, "stock", first.Header.Get("dapr-app-id"))
		require.Equal(t, []string{"1"}, first.Header.Values("X-Order-Id"), "the order's id can't be set")
	})
}

func TestWhatIsNotAcceptedIsNotPassed(t *testing.T) {
	refused := answer(500, "{\"errorCode\":\"ERR_DIRECT_INVOKE\",\n\"message\":\"circuit breaker is open\"}\n")
	for name, c := range map[string]struct {
		until   string
		answers []http.HandlerFunc
		printed []string
	}{
		"sent_again_until_accepted": {"accepted", []http.HandlerFunc{refused, answer(404, ""), answer(201, "made")}, []string{
			`Order failed: {"orderId":1}: 500 Internal Server Error: {"errorCode":"ERR_DIRECT_INVOKE", "message":"circuit breaker is open"}`,
			`Order failed: {"orderId":1}: 404 Not Found: `,
			`Order passed: {"orderId":1}`, `Order passed: {"orderId":2}`,
		}},
		"sent_once": {"once", []http.HandlerFunc{refused, answer(503, "busy")}, []string{
			`Order failed: {"orderId":1}: 500 Internal Server Error: {"errorCode":"ERR_DIRECT_INVOKE", "message":"circuit breaker is open"}`,
			`Order failed: {"orderId":2}: 503 Service Unavailable: busy`,
			`Order passed: {"orderId":3}`, `Order passed: {"orderId":4}`,
		}},
		"a_redirect_is_an_answer": {"once", []http.HandlerFunc{redirect(302), redirect(307)}, []string{
			`Order failed: {"orderId":1}: 302 Found: `, `Order failed: {"orderId":2}: 307 Temporary Redirect: `,
			`Order passed: {"orderId":3}`, `Order passed: {"orderId":4}`,
		}},
		"no_answer": {"accepted", []http.HandlerFunc{hangUp}, []string{
			`Order failed: {"orderId":1}: Post "http://localhost:3500/orders": EOF`,
			`Order passed: {"orderId":1}`, `Order passed: {"orderId":2}`, `Order passed: {"orderId":3}`,
		}},
		"half_an_answer": {"accepted", []http.HandlerFunc{breakOff}, []string{
			`Order failed: {"orderId":1}: 200 OK: unexpected EOF`,
			`Order passed: {"orderId":1}`, `Order passed: {"orderId":2}`, `Order passed: {"orderId":3}`,
		}},
		"a_long_answer_is_cut": {"once", []http.HandlerFunc{answer(500, strings.Repeat("x", 1<<20))}, []string{
			`Order failed: {"orderId":1}: 500 Internal Server Error: ` + strings.Repeat("x", maxToldBytes),
			`Order passed: {"orderId":2}`, `Order passed: {"orderId":3}`, `Order passed: {"orderId":4}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSidecar(c.answers...)
				require.Equal(t, c.printed, s.play(t, Config{Until: c.until}, 3500*time.Millisecond))
				require.Len(t, s.seen, 4, "one sending is one request")
			})
		})
	}
}

// A kept connection that dies under a request looks to net/http like one that it may replay: by the method, by
// an Idempotency-Key, or where there is no body.
func TestASendingIsOneRequestEvenOnADeadConnection(t *testing.T) {
	for name, c := range map[string]Config{
		"a_post":                  {},
		"with_an_idempotency_key": {Headers: map[string]string{"Idempotency-Key": "k"}},
		"a_get":                   {Method: "GET"},
		"a_get_without_a_body":    {Method: "GET", Body: `{{""}}`},
		"a_key_and_no_body":       {Body: `{{""}}`, Headers: map[string]string{"Idempotency-Key": "k"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSidecar(answer(200, ""), hangUp)
				printed := s.play(t, c, 1500*time.Millisecond)
				require.Len(t, s.seen, 2)
				require.Equal(t, []time.Duration{0, time.Second}, s.times())
				require.Len(t, printed, 2)
				require.Contains(t, printed[1], "Order failed: ")
			})
		})
	}
}

func TestCallersShareTheNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSidecar(slow(time.Millisecond), slow(time.Millisecond), slow(time.Millisecond)) // so that all three wait at once
		printed := s.play(t, Config{Callers: 3}, 1500*time.Millisecond)
		slices.Sort(printed)
		require.Equal(t, []string{
			`Order passed: {"orderId":1}`, `Order passed: {"orderId":2}`, `Order passed: {"orderId":3}`,
			`Order passed: {"orderId":4}`, `Order passed: {"orderId":5}`, `Order passed: {"orderId":6}`,
		}, printed)
		again := time.Second + time.Millisecond
		require.Equal(t, []time.Duration{0, 0, 0, again, again, again}, s.times())
		require.Equal(t, 3, s.dialled, "a kept connection a caller")
	})
}

func TestWithoutAPauseOneFollowsTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSidecar(slow(time.Minute), slow(time.Minute), slow(time.Hour))
		s.play(t, Config{Every: -1}, 150*time.Second)
		require.Equal(t, []time.Duration{0, time.Minute, 2 * time.Minute}, s.times())
	})
}

func TestAnOrderWaitsForItsAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		printed []string
	}{
		"for_ever": {0, []string{`Order passed: {"orderId":1}`}},
		"until_its_timeout": {90 * time.Minute, []string{
			`Order failed: {"orderId":1}: Post "http://localhost:3500/orders": context deadline exceeded`,
			`Order passed: {"orderId":1}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSidecar(slow(2 * time.Hour))
				printed := s.play(t, Config{Timeout: c.timeout}, 2*time.Hour+500*time.Millisecond)
				require.Equal(t, c.printed, printed[:len(c.printed)])
			})
		})
	}
}

func TestTheEndAbandonsAnOrderInFlightAndSaysNothing(t *testing.T) {
	for name, hangs := range map[string]http.HandlerFunc{"before_the_answer": slow(time.Hour), "within_the_answer": halting} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSidecar(hangs)
				require.Empty(t, s.play(t, Config{}, 30*time.Second))
				require.Len(t, s.seen, 1)
			})
		})
	}
}

func TestAConfigThatCantBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		says   string
	}{
		"until":    {Config{Until: "never"}, `until "never": want accepted or once`},
		"template": {Config{Body: "{{.ID"}, "body: "},
		"field":    {Config{Body: "{{.Name}}"}, "body: "},
		"endpoint": {Config{Endpoint: "http://local host:3500"}, "invalid character"},
		"method":   {Config{Method: "PO ST"}, "invalid method"},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Out = io.Discard
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorContains(t, Run(ctx, c.config), c.says)
		})
	}
}
