package harnesstest_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/harnesstest"
)

// TestMain lets this program play services of somebody's own, too.
func TestMain(m *testing.M) {
	if part := os.Getenv("OWN_PART"); part != "" {
		parts[part]()
		os.Exit(0)
	}
	os.Exit(harnesstest.Main(m))
}

// parts are services as somebody may have written them.
var parts = map[string]func(){
	"takes": func() { take(net.JoinHostPort(os.Getenv("APP_HOST"), os.Getenv("APP_PORT"))) },
	"takes-on-localhost": func() {
		take(net.JoinHostPort("127.0.0.1", os.Getenv("APP_PORT")))
	},
	"sends": send,
	"deaf": func() {
		for n := range 12 {
			fmt.Println("waiting for the database", n)
		}
		time.Sleep(time.Hour) // until it is ended: without goroutines Go takes a select for a deadlock
	},
	"breaks": func() {
		fmt.Fprintln(os.Stderr, "Traceback (most recent call last):\nModuleNotFoundError: No module named 'flask'")
		os.Exit(3)
	},
	// Like `go run` it ends by a signal at once, while what it has started still answers.
	"wraps": func() { child("takes", false).Wait() },
	// What it starts leaves the process group, and holds its output.
	"daemonizes": func() {
		child("sleeps", true)
		take(net.JoinHostPort(os.Getenv("APP_HOST"), os.Getenv("APP_PORT")))
	},
	"sleeps": func() { time.Sleep(time.Hour) },
	"takes-late": func() {
		time.Sleep(time.Second)
		take(net.JoinHostPort(os.Getenv("APP_HOST"), os.Getenv("APP_PORT")))
	},
	// It is ready at once, and gone while others are still brought up.
	"answers-and-breaks": func() {
		l, _ := net.Listen("tcp", net.JoinHostPort(os.Getenv("APP_HOST"), os.Getenv("APP_PORT")))
		l.Accept()
		time.Sleep(100 * time.Millisecond)
		fmt.Fprintln(os.Stderr, "no such table: orders")
		os.Exit(3)
	},
}

func child(part string, session bool) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OWN_PART="+part)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return cmd
}

// take is an order-processor that ends slowly, and prints what is no UTF-8.
func take(addr string) {
	file, _ := os.ReadFile("greeting.txt")
	dir, _ := os.Getwd()
	fmt.Printf("%s from %s\n", bytes.TrimSpace(file), filepath.Base(dir))
	os.Stdout.WriteString("Bestellungen f\xfcr K\xf6ln \x00\x1b[31m\xff\n")
	srv := &http.Server{Addr: addr, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("Order received : %s\n", body)
		w.Write(body)
	})}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		time.Sleep(300 * time.Millisecond)
		fmt.Println("ended in good order")
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, srv.ListenAndServe())
	os.Exit(1)
}

// send is a checkout that knows neither X-Order-Id nor traceparent.
func send() {
	for n := 100; ; n++ {
		req, _ := http.NewRequest("POST", "http://localhost:"+os.Getenv("DAPR_HTTP_PORT")+"/orders", strings.NewReader(fmt.Sprintf(`{"order":{"id":"order-%d"}}`, n)))
		req.Header.Set("dapr-app-id", "stock")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println("Order failed:", err)
		} else {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			fmt.Println("Order passed:", n, resp.Status)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

const ownSpec = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: { name: own }
spec:
  policies:
    retries: { again: { policy: constant, duration: 500ms, maxRetries: -1 } }
  targets: { apps: { stock: { retry: again } } }
`

// written writes a scenario in which shop sends to stock, which is stopped for two seconds.
func written(t *testing.T, stock, more string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "own")
	require.NoError(t, os.Mkdir(dir, 0o755))
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "service"))) // found from the scenario's folder on
	text := fmt.Sprintf(`name: own
why: services of somebody's own, found and started from the scenario's folder
resiliency: resiliency.yaml
services:
  stock: { command: [./service], port: 8001, env: { OWN_PART: %s }%s }
  shop: { command: [./service], env: { OWN_PART: sends }, sends: { to: stock, every: 200ms, id: $.order.id } }
timeline:
  - wait: { orders: 3 }
  - fault: { stop: stock, for: 2s }
  - wait: { recovered: shop }
  - wait: { orders: 3 }
expect:
  logs:
    - { service: stock, match: '^hello from own$', times: 2 }
    - { service: stock, match: 'Bestellungen f.r K.ln' }
    - { service: stock, match: '^ended in good order$', times: 1 }
    - { service: stock, match: '^Order received : \{"order":\{"id":"order-103"\}\}$', times: 1 }
    - { service: shop, match: '^Order passed: 103 200 OK$', times: 1 }
`, stock, more)
	for name, text := range map[string]string{"scenario.yaml": text, "resiliency.yaml": ownSpec, "greeting.txt": "hello\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

// played plays a scenario in processes and sees that none is left.
func played(t *testing.T, dir string) (*harness.Run, error) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	reports := t.TempDir()
	run, err := harness.Play(t.Context(), harness.Options{Scenario: dir, Env: "process", Binary: harnesstest.Binary(t), Reports: reports})
	runs, _ := os.ReadDir(reports)
	for _, r := range runs {
		files, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, file := range files {
			environ, _ := os.ReadFile(file)
			require.NotContains(t, string(environ), "HALFOPEN_RUN="+r.Name(), "%s is left", file)
		}
	}
	return run, err
}

func TestSomebodysOwnServices(t *testing.T) {
	for name, c := range map[string]struct{ part, more string }{
		"that_bear_other_ids_and_no_trace":      {"takes", ""},
		"behind_a_wrapper_that_ends_first":      {"wraps", ""},
		"that_leave_a_daemon":                   {"daemonizes", ""},
		"that_listen_on_one_loopback_address":   {"takes-on-localhost", ", host: 127.0.0.1"},
		"that_are_asked_whether_they_are_ready": {"takes", ", ready: /healthz"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, err := played(t, written(t, c.part, c.more))
			require.NoError(t, err)
			kept(t, run)
			sound(t, run.Dir)
		})
	}
}

// sound sees that a run's files can be read, whatever services have printed.
func sound(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"history.jsonl", "verdict.json", "junit.xml", "report.html", "summary.md"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.True(t, utf8.Valid(text), name)
		require.NotContains(t, string(text), "\x1b", name)
		require.NotContains(t, string(text), "\x00", name)
	}
	junit, err := os.Open(filepath.Join(dir, "junit.xml"))
	require.NoError(t, err)
	defer junit.Close()
	in := xml.NewDecoder(junit)
	for err == nil {
		_, err = in.Token()
	}
	require.ErrorIs(t, err, io.EOF)
}

func TestAPortThatSomebodyHasIsToldBeforeAnythingStarts(t *testing.T) {
	stranger, err := net.Listen("tcp", "0.0.0.0:0")
	require.NoError(t, err)
	defer stranger.Close()
	port := stranger.Addr().(*net.TCPAddr).Port
	dir := written(t, "takes", "")
	edit(t, dir, "port: 8001", fmt.Sprintf("port: %d", port))
	_, err = played(t, dir)
	require.ErrorContains(t, err, fmt.Sprintf("bring up: prepare processes: stock/app can't have port %d (its port): listen tcp ", port))
	require.ErrorContains(t, err, "(hint: end the program that listens there, or give the service another `port:`)")
}

func TestAServiceThatNeverGetsReadyIsToldWithItsLastLines(t *testing.T) {
	for name, c := range map[string]struct {
		part, more string
		says       []string
	}{
		"it_listens_nowhere": {"deaf", ", readyWithin: 1s", []string{
			"bring up: stock/app is not ready after 1s: dial tcp 127.", "(does it listen on the port 8001 that APP_PORT tells it, on APP_HOST or 0.0.0.0?)",
			"; it printed last:\n    waiting for the database 2\n", "    waiting for the database 11",
		}},
		"it_ends": {"breaks", "", []string{
			"bring up: stock/app ended before it was ready (exit 3); it printed last:\n    Traceback (most recent call last):\n    ModuleNotFoundError: No module named 'flask'",
		}},
		"it_answers_and_ends": {"answers-and-breaks", " }\n  late: { command: [./service], port: 8002, env: { OWN_PART: takes-late }", []string{
			"bring up: stock/app ended before", " (exit 3); it printed last:\n    no such table: orders",
		}},
		"it_listens_somewhere_else": {"takes-on-localhost", ", readyWithin: 2s, port: 8011", []string{
			"(something listens on 127.0.0.1:8011: let it listen on APP_HOST or 0.0.0.0, or say `host: 127.0.0.1`)", "    hello from own",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := written(t, c.part, c.more)
			if name == "it_listens_somewhere_else" {
				edit(t, dir, "port: 8001, ", "")
			}
			run, err := played(t, dir)
			require.Error(t, err)
			var notStarted harness.NotStarted
			require.False(t, errors.As(err, &notStarted))
			for _, want := range c.says {
				require.ErrorContains(t, err, want)
			}
			require.Equal(t, 1, strings.Count(err.Error(), "it printed last"))
			require.Equal(t, strings.ToValidUTF8(err.Error(), ""), err.Error())
			require.NotContains(t, err.Error(), "\x1b")
			require.Equal(t, 3, run.Verdict.Exit())
			sound(t, run.Dir)
		})
	}
}

func edit(t *testing.T, dir, old, with string) {
	t.Helper()
	file := filepath.Join(dir, "scenario.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(file, bytes.Replace(text, []byte(old), []byte(with), 1), 0o644))
}

func TestAProgramThatIsNotThereStartsNothing(t *testing.T) {
	dir := written(t, "takes", "")
	edit(t, dir, "[./service], env", "[greeting.txt, x], env")
	edit(t, dir, "[./service], port", "[./greeting.txt], port")
	reports := t.TempDir()
	_, err := harness.Play(t.Context(), harness.Options{Scenario: dir, Env: "process", Binary: os.Args[0], Reports: reports})
	var notStarted harness.NotStarted
	require.ErrorAs(t, err, &notStarted)
	file := filepath.Join(dir, "scenario.yaml")
	require.EqualError(t, err, file+`:5:21: services.stock.command: "./greeting.txt" is no program (looked for in `+dir+`)
    hint: chmod +x `+filepath.Join(dir, "greeting.txt")+`
`+file+`:6:20: services.shop.command: "greeting.txt" is not there (looked for in PATH)
    hint: a name is looked for in PATH, a path with a slash from the scenario's folder on`)
	left, err := os.ReadDir(reports)
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = harness.Play(t.Context(), harness.Options{Scenario: dir, Env: "container", Binary: os.Args[0], Reports: reports})
	var unsuited harness.Unsuited
	require.ErrorAs(t, err, &unsuited)
	require.ErrorContains(t, err, "stock is a command and needs --env process, not container")
}
