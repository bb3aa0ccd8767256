package link_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/link"
	"github.com/halfopen/halfopen/harness/scenario"
)

// openWithIDs starts one link whose orders are known by their bodies.
func openWithIDs(t *testing.T, upstream string, s *seen) (*link.Set, string) {
	t.Helper()
	set := link.New(s.record)
	t.Cleanup(func() { require.NoError(t, set.Close()) })
	addr, err := set.Open(link.Config{Name: "a->b", Listen: "127.0.0.1:0", Upstream: upstream, IDs: []string{"$.orderId", "$.order.id"}})
	require.NoError(t, err)
	return set, addr
}

func TestAnOrderIsKnownByItsBody(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer up.Close()
	for name, c := range map[string]struct{ head, body, order string }{
		"a_number":               {"Content-Length: 13", `{"orderId":5}`, "5"},
		"a_long_number":          {"Content-Length: 32", `{"orderId":12345678901234567890}`, "12345678901234567890"},
		"a_text_further_in":      {"Content-Length: 21", `{"order":{"id":"a7"}}`, "a7"},
		"in_chunks":              {"Transfer-Encoding: chunked", "6\r\n{\"orde\r\n7\r\nrId\":9}\r\n0\r\n\r\n", "9"},
		"a_header_comes_first":   {"X-Order-Id: 3\r\nContent-Length: 13", `{"orderId":5}`, "3"},
		"not_there":              {"Content-Length: 2", `{}`, ""},
		"no_single_value":        {"Content-Length: 14", `{"orderId":[]}`, ""},
		"no_json":                {"Content-Length: 5", "hello", ""},
		"no_body":                {"Content-Length: 0", "", ""},
		"asked_for_by_the_other": {"Expect: 100-continue\r\nContent-Length: 13", `{"orderId":6}`, "6"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSeen()
			_, addr := openWithIDs(t, up.Listener.Addr().String(), s)
			conn := dial(t, addr)
			in := bufio.NewReader(conn)
			_, err := io.WriteString(conn, "POST /orders HTTP/1.1\r\nHost: b\r\n"+c.head+"\r\n\r\n")
			require.NoError(t, err)
			if strings.HasPrefix(c.head, "Expect") {
				resp, err := http.ReadResponse(in, nil)
				require.NoError(t, err)
				require.Equal(t, http.StatusContinue, resp.StatusCode, "the answer is not held back for the body's sake")
			}
			_, err = io.WriteString(conn, c.body) // behind its head, as many clients send it
			require.NoError(t, err)
			resp, err := http.ReadResponse(in, nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.Equal(t, []string{"accept", "request POST /orders order " + c.order, "response 200 order " + c.order, "complete 200 order " + c.order}, s.atLeast(t, 4))
		})
	}
}

func TestARequestWithoutItsBodyIsToldAllTheSame(t *testing.T) {
	up := httptest.NewServer(http.NotFoundHandler())
	defer up.Close()
	s := newSeen()
	set, addr := openWithIDs(t, up.Listener.Addr().String(), s)
	require.NoError(t, set.Apply(scenario.Fault{Name: "shut", Kind: scenario.Refuse, Link: "a->b"}))
	conn := dial(t, addr)
	_, err := io.WriteString(conn, "POST /orders HTTP/1.1\r\nHost: b\r\nContent-Length: 13\r\n\r\n")
	require.NoError(t, err)
	_, err = http.ReadResponse(bufio.NewReader(conn), nil)
	require.Error(t, err)
	require.Equal(t, []string{"accept", "request POST /orders order ", "close by tap open 1"}, s.atLeast(t, 3))
}

func TestAPathThatIsNoneOpensNothing(t *testing.T) {
	_, err := link.New(newSeen().record).Open(link.Config{Name: "a->b", Listen: "127.0.0.1:0", Upstream: "127.0.0.1:1", IDs: []string{"orderId"}})
	require.ErrorContains(t, err, `open link a->b: id "orderId"`)
}
