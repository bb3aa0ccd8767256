package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/explore"
	"github.com/halfopen/halfopen/harness/harnesstest"
	"github.com/halfopen/halfopen/harness/oracle"
)

// command runs halfopen in this process, from the repository's root.
func command(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	t.Chdir(root(t))
	return again(t, args...)
}

// again is a further command from the same place.
func again(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// root is the repository's: where a command goes, or has gone already.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		dir = filepath.Join(dir, "..", "..")
	}
	return dir
}

func TestBadInputExitsWithTwoAndStartsNothing(t *testing.T) {
	reports := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"an_unknown_command":        {[]string{"runn"}, "unknown command"},
		"no_scenario":               {[]string{"run"}, "run what? name a scenario"},
		"a_missing_scenario":        {[]string{"run", "--reports", reports, "nowhere"}, "nowhere: can't be read: no such file or directory"},
		"a_bad_scenario":            {[]string{"run", "--reports", reports, "harness/testdata/bad/many-problems-at-once"}, "scenario.yaml:7:43: services.checkout.sends.to: no service"},
		"an_unknown_environment":    {[]string{"run", "--reports", reports, "--env", "moon", "nothing-happens"}, "want auto, container or process"},
		"a_missing_sidecar_spec":    {[]string{"run", "--reports", reports, "--sidecar-resiliency", "nowhere.yaml", "nothing-happens"}, "no such file"},
		"a_run_that_is_none":        {[]string{"check", "scenarios"}, "read the run"},
		"a_forecast_of_nothing":     {[]string{"forecast", "nowhere.yaml", "--stop", "0s"}, "nowhere.yaml: can't be read"},
		"a_forecast_for_nobody":     {[]string{"forecast", "nowhere.yaml"}, "--target: is missing"},
		"a_forecast_out_of_scope":   {[]string{"forecast", "scenarios/stop-order-processor/resiliency.yaml", "--target", "b", "--caller", "a"}, "scopes: they leave the caller a out"},
		"a_forecast_as_pdf":         {[]string{"forecast", "a.yaml", "--target", "b", "--format", "pdf"}, `format "pdf": want text or json`},
		"nothing_to_explore":        {[]string{"explore"}, "explore wants one spec, got 0"},
		"an_edit_of_one_spec":       {[]string{"explore", "--compare", "a.yaml"}, "--compare wants two specs, got 1"},
		"an_exploration_of_nothing": {[]string{"explore", "nowhere.yaml", "--target", "b"}, "nowhere.yaml: can't be read"},
		"an_exploration_for_nobody": {[]string{"explore", "nowhere.yaml", "--cases", "0"}, "--cases: 0 cases"},
		"an_outage_without_a_unit":  {[]string{"explore", "nowhere.yaml", "--outage", "5..9"}, `--outage: "5..9" can't be read`},
		"an_outage_backwards":       {[]string{"explore", "nowhere.yaml", "--outage", "9s..5s"}, "--outage: 9s to 5s is no span from 1ms to 1h"},
		"too_many_callers":          {[]string{"explore", "nowhere.yaml", "--callers", "1..99"}, "--callers: 1 to 99 callers"},
		"a_ratio_above_one":         {[]string{"explore", "nowhere.yaml", "--ratio", "0.5..7"}, "--ratio: 0.5 to 7 is no share"},
		"an_app_in_capitals":        {[]string{"explore", "nowhere.yaml", "--target", "B: {"}, `--target: "B: {" is no app id`},
		"a_fault_not_swept":         {[]string{"explore", "nowhere.yaml", "--fault", "moon"}, `--fault: "moon" is none that is swept`},
		"a_try_of_nothing":          {[]string{"try"}, "try what? name a spec"},
		"a_try_of_two":              {[]string{"try", "a.yaml", "b.yaml"}, "one spec at a time"},
		"a_try_of_no_spec":          {[]string{"try", "nowhere.yaml"}, "nowhere.yaml: can't be read"},
		"a_try_of_a_bad_spec":       {[]string{"try", "scenarios/spec-that-does-not-load/resiliency.yaml"}, "resiliency.yaml:10:44: spec.policies.retries.again.duration"},
		"a_try_for_no_time":         {[]string{"try", "a.yaml", "--stop", "0s"}, "--stop 0s: want more than no time"},
		"a_try_out_of_scope":        {[]string{"try", "scenarios/only-the-scoped-app/resiliency.yaml"}, "scopes: they leave the caller checkout out, so none of it applies\n    hint: --caller billing"},
		"a_try_of_several_targets":  {[]string{"try", "cmd/halfopen/testdata/two-targets.yaml"}, "--target: is missing: the spec names payments, stock\n    hint: one of them: --target payments"},
		"a_try_in_capitals":         {[]string{"try", "cmd/halfopen/testdata/two-targets.yaml", "--target", "Stock"}, `--target: "Stock" is no app id`},
		"an_init_without_spec":      {[]string{"init", "--app-id", "payments"}, "--resiliency is missing"},
		"an_init_over_files":        {[]string{"init", "--resiliency", "scenarios/flapping/resiliency.yaml", "scenarios/flapping"}, "scenarios/flapping/scenario.yaml: is there already, and nothing is overwritten"},
		"an_init_of_a_bad_name":     {[]string{"init", "--resiliency", "scenarios/flapping/resiliency.yaml", "scenarios/Flapping"}, `"Flapping": want small letters`},
		"a_repeat_of_none":          {[]string{"run", "--repeat", "0", "flapping"}, "--repeat 0: want one at least"},
		"none_at_once":              {[]string{"run", "--parallel", "0", "flapping"}, "--parallel 0: want one at least (leave it out"},
		"a_shard_that_is_none":      {[]string{"run", "--shard", "5/4", "flapping"}, `--shard "5/4": want i/n with i from 1 to n`},
		"a_shard_without_a_run":     {[]string{"run", "--shard", "3/3", "flapping", "nothing-happens"}, "--shard 3/3: nothing is left for it of 2 runs"},
		"a_bad_one_among_many":      {[]string{"run", "flapping", "harness/testdata/bad/an-empty-file"}, "an-empty-file/scenario.yaml: the file is empty"},
		"an_explanation_of_no_run":  {[]string{"explain", "scenarios"}, "read the run"},
		"an_unknown_format":         {[]string{"report", "--format", "pdf", "scenarios"}, "want terminal, html, junit, json, markdown or openmetrics"},
		"two_runs_as_html":          {[]string{"report", "--format", "html", "a", "b"}, "one at a time"},
		"an_unknown_fail_on":        {[]string{"run", "--fail-on", "always", "nothing-happens"}, `--fail-on "always": want broken, unknown`},
		"a_missing_baseline":        {[]string{"run", "--reports", reports, "--baseline", "nowhere.json", "nothing-happens"}, "nowhere.json: can't be read: no such file or directory\n    hint: halfopen baseline update"},
		"a_baseline_that_is_none":   {[]string{"run", "--reports", reports, "--baseline", "go.mod", "nothing-happens"}, "go.mod:1: not a baseline"},
		"a_baseline_to_show":        {[]string{"baseline", "show", "--baseline", "nowhere.json"}, "nowhere.json: can't be read"},
		"nothing_to_accept":         {[]string{"baseline", "update"}, "update what? name the runs to accept"},
		"no_run_to_accept":          {[]string{"baseline", "update", "--baseline", filepath.Join(reports, "b.json"), "scenarios"}, "read the run"},
		"never_again":               {[]string{"run", "--again", "0", "--baseline", "go.mod", "nothing-happens"}, "--again 0: want 1 or more runs"},
		"nothing_to_check":          {[]string{"check"}, "check what? name a run's folder, --logs FILE or --timeline FILE"},
		"a_missing_log":             {[]string{"check", "--logs", "nowhere.log"}, "nowhere.log: can't be read: no such file or directory\n    hint: --logs FILE"},
		"a_missing_timeline":        {[]string{"check", "--timeline", "nowhere.log"}, "nowhere.log: can't be read: no such file"},
		"a_timeline_that_is_none":   {[]string{"check", "--timeline", "go.mod"}, "go.mod:1: not an event"},
		"logs_and_a_timeline":       {[]string{"check", "--logs", "a", "--timeline", "b"}, "one of them at a time"},
		"a_missing_spec":            {[]string{"check", "--logs", "go.mod", "--resiliency", "nowhere.yaml"}, "nowhere.yaml: can't be read"},
		"a_bad_spec":                {[]string{"check", "--logs", "go.mod", "--resiliency", "sidecar/testdata/recordings/c12_badspec/resiliency.yaml"}, `resiliency.yaml:15:28: spec.policies.retries.myRetry.matching.httpStatusCodes: "11" is not within 100-599`},
		"a_spec_for_a_run":          {[]string{"check", "--resiliency", "a.yaml", "reports"}, "a run has its own"},
		"a_sidecar_without_id":      {[]string{"sidecar"}, "--app-id is missing"},
		"a_missing_resources_path":  {[]string{"sidecar", "--app-id", "a", "--resources-path", "nowhere"}, "--resources-path"},
		"an_app_that_speaks_grpc":   {[]string{"sidecar", "--app-id", "a", "--app-protocol", "grpc"}, "--app-protocol grpc: this sidecar speaks http"},
		"a_size_that_is_none":       {[]string{"sidecar", "--app-id", "a", "--max-body-size", "big"}, `--max-body-size "big": want a number of bytes`},
		"a_level_that_is_none":      {[]string{"sidecar", "--app-id", "a", "-log-level", "loud"}, `--log-level "loud": want debug`},
		"a_peer_that_is_no_address": {[]string{"sidecar", "--app-id", "a", "--peer", "b"}, "want APP=HOST:PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := command(t, c.args...)
			require.Equal(t, exitUsage, code, "%s", errs)
			require.Contains(t, errs, c.says)
			require.Empty(t, out)
		})
	}
	left, err := os.ReadDir(reports)
	require.NoError(t, err)
	require.Empty(t, left, "no run was started")
}

func TestLogsFromElsewhereAreJudgedAndTheUnjudgedNamed(t *testing.T) {
	recording := func(name, file string) string { return "sidecar/testdata/recordings/" + name + "/" + file }
	log := filepath.Join(t.TempDir(), "daprd.log")
	text, err := os.ReadFile(filepath.Join("..", "..", recording("c01", "timeline.log")))
	require.NoError(t, err)
	var daprd strings.Builder
	for line := range strings.Lines(string(text)) {
		if _, said, ok := strings.Cut(line, " daprd-checkout "); ok {
			daprd.WriteString("[pod/checkout-0/daprd] " + strings.TrimLeft(said, " "))
		}
	}
	require.NoError(t, os.WriteFile(log, []byte(daprd.String()), 0o600))
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"kept":            {[]string{"--timeline", recording("c02", "timeline.log"), "--resiliency", recording("c02", "resiliency.yaml")}, exitKept, []string{"kept as far as logs can tell", "recovery (1)"}},
		"broken":          {[]string{"--timeline", recording("c01", "timeline.log"), "--resiliency", recording("c01", "resiliency.yaml")}, exitBroken, []string{"✗ recovery", "the first order passed 25.721s after order-processor was ready again", "c01/timeline.log:49"}},
		"not_loaded":      {[]string{"--timeline", recording("c12_badspec", "timeline.log"), "--resiliency", recording("c12_badspec", "resiliency.yaml")}, exitBroken, []string{"✗ policy-loaded"}},
		"a_log_alone":     {[]string{"--logs", log, "--resiliency", recording("c01", "resiliency.yaml")}, exitKept, []string{"open-time (10)", "? recovery", "not judged: a sidecar's log does not tell when the target was ready again"}},
		"two_logs":        {[]string{"--logs", log, "--resiliency", recording("c01", "resiliency.yaml"), "go.mod"}, exitKept, []string{"open-time (10)"}},
		"no_spec":         {[]string{"--logs", log}, exitBroken, []string{"✗ breaker-log", "✗ retry-log"}},
		"nothing_is_told": {[]string{"--logs", "go.mod", "--resiliency", recording("c01", "resiliency.yaml")}, exitUnknown, []string{"nothing could be judged"}},
		"quiet":           {[]string{"-q", "--logs", "go.mod"}, exitUnknown, []string{"unknown told by checkout: nothing could be judged"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := command(t, append([]string{"check"}, c.args...)...)
			require.Equal(t, c.code, code, "%s%s", out, errs)
			flat := strings.Join(strings.Fields(out), " ") // however it is wrapped
			for _, want := range c.says {
				require.Contains(t, flat, want)
			}
		})
	}
}

func TestContainersWithoutAnEngineAreOneClearLine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent")
	code, _, errs := command(t, "run", "--quiet", "--env", "container", "nothing-happens")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "no container engine at DOCKER_HOST=unix:///nonexistent")
	_, told, _ := strings.Cut(errs, "halfopen: ") // before it stands what lint says of the spec
	require.Equal(t, 1, strings.Count(told, "\n"), "%s", errs)
}

func TestListAndPlanStartNothingAndTellAll(t *testing.T) {
	code, out, _ := command(t, "list")
	require.Equal(t, exitKept, code)
	require.Contains(t, out, "stop-order-processor")
	require.Contains(t, out, "no-spec-at-all")
}

func TestThePlanOfTheHomeStory(t *testing.T) {
	code, out, _ := command(t, "plan", "stop-order-processor")
	require.Equal(t, exitKept, code)
	for _, want := range []string{"stop order-processor for 45s", "every 5s, for ever", "trips at consecutiveFailures >= 5", "checkout->order-processor", "+21.000  checkout: breaker order-processor:orders from closed to open"} {
		require.Contains(t, out, want)
	}
}

func TestTheForecastOfASpec(t *testing.T) {
	code, out, errs := command(t, "forecast", "scenarios/stop-order-processor/resiliency.yaml", "--target", "order-processor")
	require.Equal(t, exitKept, code, errs)
	for _, want := range []string{"+20.000 to 21.000  checkout: breaker", "open on its 5th failure, 20s after the first one", "accepted 5s later at worst"} {
		require.Contains(t, out, want)
	}
	code, out, errs = again(t, "forecast", "scenarios/stop-order-processor/resiliency.yaml", "--target", "order-processor", "--format", "json")
	require.Equal(t, exitKept, code, errs)
	var f oracle.Forecast
	require.NoError(t, json.Unmarshal([]byte(out), &f))
	require.Equal(t, 5, f.Outlooks[0].Trips.Failure)
}

func TestASpecIsExplored(t *testing.T) {
	dir := t.TempDir()
	spec := "scenarios/stop-order-processor/resiliency.yaml"
	args := []string{"explore", spec, "--target", "order-processor", "--cases", "500", "--callers", "1..2", "--fault", "stop"}
	code, out, errs := command(t, append(args, "--out", dir)...)
	require.Equal(t, exitKept, code, errs)
	for _, want := range []string{"from 2 callers on (stop): maxRetries −1 gives up", "from an outage of 20.001s on (stop, one caller): the breaker opens", "500 cases in ", "halfopen run " + dir} {
		require.Contains(t, out, want)
	}
	for _, file := range []string{"cases.csv", "explore.html"} {
		require.FileExists(t, filepath.Join(dir, file))
	}
	for _, worst := range []string{"recovery", "hang", "amplification"} { // what is written is what `run` reads
		code, out, errs = again(t, "plan", filepath.Join(dir, "worst-"+worst))
		require.Equal(t, exitKept, code, errs)
		require.Contains(t, out, "stop order-processor for")
	}
	code, out, _ = again(t, append(args, "--format", "json")...)
	require.Equal(t, exitKept, code)
	var r explore.Result
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 500, r.Told)
	code, out, errs = again(t, "explore", "--compare", spec, "scenarios/testdata/specs/open-for-2s.yaml", "--target", "order-processor", "--cases", "500", "--callers", "1..2", "--fault", "stop")
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "of 500 cases differ")
}

func TestARunIsExplained(t *testing.T) {
	code, out, errs := command(t, "explain", "harness/oracle/testdata/stop-order-processor")
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "consecutiveFailures >= 5 is true: it opens")
}

func TestDoctorSaysWhatWillBeUsedAndWhy(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent")
	code, out, _ := command(t, "doctor")
	require.Equal(t, exitKept, code)
	require.Contains(t, out, "takes process: no container engine at DOCKER_HOST=unix:///nonexistent")
}

// A child is halfopen as a process of its own.
type child struct {
	*exec.Cmd
	lines chan string
	mu    sync.Mutex
	all   strings.Builder
}

func start(t *testing.T, env []string, args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(harnesstest.Binary(t), args...), lines: make(chan string, 1000)}
	c.Dir = filepath.Join("..", "..")
	c.Env = append(os.Environ(), env...)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	c.Stdout, c.Stderr = w, w
	require.NoError(t, c.Start())
	w.Close()
	go func() {
		defer close(c.lines)
		in := bufio.NewScanner(r)
		for in.Scan() {
			c.mu.Lock()
			c.all.WriteString(in.Text() + "\n")
			c.mu.Unlock()
			c.lines <- in.Text()
		}
	}()
	t.Cleanup(func() { c.Process.Kill() })
	return c
}

// await reads on until a line holds a text.
func (c *child) await(t *testing.T, text string) string {
	t.Helper()
	giveUp := time.After(30 * time.Second)
	for {
		select {
		case line, more := <-c.lines:
			if strings.Contains(line, text) {
				return line
			}
			if !more {
				t.Fatalf("it ended and never said %q:\n%s", text, c.all.String())
			}
		case <-giveUp:
			t.Fatalf("never said %q:\n%s", text, c.all.String())
		}
	}
}

func (c *child) code(t *testing.T) int {
	t.Helper()
	for range c.lines {
	}
	c.Wait()
	return c.ProcessState.ExitCode()
}

// processes of a run carry its id.
func processes(t *testing.T, reports string) []string {
	t.Helper()
	runs, err := os.ReadDir(reports)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	var out []string
	for _, file := range files {
		if environ, err := os.ReadFile(file); err == nil && bytes.Contains(environ, []byte("HALFOPEN_RUN="+runs[0].Name())) {
			out = append(out, file)
		}
	}
	return out
}

func TestAKilledRunLeavesNoProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	reports := t.TempDir()
	c := start(t, nil, "run", "--env", "process", "--reports", reports, "stop-order-processor")
	c.await(t, "wait for 4 orders")
	require.NotEmpty(t, processes(t, reports))
	require.NoError(t, c.Process.Kill())
	c.code(t)
	require.Eventually(t, func() bool { return len(processes(t, reports)) == 0 }, 5*time.Second, 10*time.Millisecond)
	clean := start(t, nil, "clean")
	runs, err := os.ReadDir(reports)
	require.NoError(t, err)
	clean.await(t, runs[0].Name())
	require.Equal(t, exitKept, clean.code(t))
}

// A team has its scenario in a repository of its own, and halfopen from `go install`: nothing of ours is near.
func TestAScenarioOutsideOfTheRepository(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "chaos", "first-orders"), 0o755))
	for name, text := range map[string]string{
		"scenario.yaml": "name: first-orders\nwhy: somebody's first one\nresiliency: ../../deploy.yaml\nservices:\n  payments: { app: order-processor }\n" +
			"  shop: { app: checkout, sends: { to: payments, every: 100ms } }\ntimeline:\n  - wait: { orders: 3 }\n",
		"../../deploy.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: shop }\nspec:\n" +
			"  policies: { retries: { few: { duration: 1s, maxRetries: 3 } } }\n  targets: { apps: { payments: { retry: few } } }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "chaos", "first-orders", name), []byte(text), 0o644))
	}
	program := harnesstest.Binary(t)
	for _, c := range []struct{ from, scenario string }{{".", "./chaos/first-orders"}, {"chaos", "first-orders/scenario.yaml"}, {"chaos/first-orders", "."}} {
		cmd := exec.Command(program, "run", "--env", "process", c.scenario)
		cmd.Dir = filepath.Join(dir, c.from)
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", text)
		require.Contains(t, string(text), "PASS  first-orders: all promises kept")
		runs, err := filepath.Glob(filepath.Join(cmd.Dir, "reports", "first-orders-*", "report.html"))
		require.NoError(t, err)
		require.Len(t, runs, 1)
	}
}

// The quickstart's two terminals: each app with a sidecar beside it, found without configuration.
func TestTheQuickstartsTwoTerminals(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	cache := "XDG_CACHE_HOME=" + t.TempDir()
	port := freePortOf(t)
	resources := filepath.Join("scenarios", "stop-order-processor")
	orders := start(t, []string{cache, "APP_HOST=127.0.0.1"}, "sidecar", "run", "--app-id", "order-processor", "--app-port", port, "--resources-path", resources,
		"--app-protocol", "http", "--dapr-http-port", freePortOf(t), "--", harnesstest.Binary(t), "app", "order-processor")
	orders.await(t, "You're up and running!")
	caller := start(t, []string{cache}, "sidecar", "run", "--app-id", "checkout", "--resources-path", resources, "--", harnesstest.Binary(t), "app", "checkout", "--every", "100ms")
	caller.await(t, `== APP == Order passed: {"orderId":1}`)
	orders.await(t, `== APP == Order received: {"orderId":1}`)
	require.NoError(t, orders.Process.Signal(os.Interrupt))
	require.Equal(t, 0, orders.code(t), "%s", orders.all.String())
	caller.await(t, "Error processing operation endpoint[order-processor, order-processor:orders]. Retrying...")
	// Restarted without a spec, as the quickstart does, at other ports.
	orders = start(t, []string{cache, "APP_HOST=127.0.0.1"}, "sidecar", "run", "--app-id", "order-processor", "--app-port", freePortOf(t),
		"--app-protocol", "http", "--", harnesstest.Binary(t), "app", "order-processor")
	orders.await(t, "== APP == Order received:")
	caller.await(t, "Recovered processing operation")
	caller.await(t, "== APP == Order passed:")
	for _, c := range []*child{caller, orders} {
		require.NoError(t, c.Process.Signal(syscall.SIGTERM))
		require.Equal(t, 0, c.code(t), "%s", c.all.String())
	}
	_, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
	require.Error(t, err, "the app has ended with its sidecar")
}

func TestDaprdsFlagsAreTakenAndThoseWithoutEffectNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	port := freePortOf(t)
	c := start(t, nil, "sidecar", "-mode", "standalone", "-app-id=a", "--config", "none.yaml", "-enable-app-health-check", "--dapr-http-port", port, "--dapr-grpc-port", "50001",
		"--dapr-listen-addresses", "127.0.0.1", "--enable-mtls=false", "--enable-api-logging", "--app-max-concurrency", "3", "--log-as-json", "--discovery=false")
	require.Equal(t, "halfopen: no effect in this sidecar: --config, --enable-app-health-check", c.await(t, "no effect"))
	require.Contains(t, c.await(t, "dapr initialized"), `"app_id":"a"`)
	resp, err := http.Post(fmt.Sprintf("http://127.0.0.1:%s/v1.0/shutdown", port), "", nil)
	require.NoError(t, err)
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Equal(t, 0, c.code(t))
	require.Contains(t, c.all.String(), `"method":"POST /v1.0/shutdown","msg":"HTTP API Called"`)
}

func TestASecondSignalEndsASidecarAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real processes")
	}
	hung, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	require.NoError(t, err)
	defer hung.Close()
	port := freePortOf(t)
	c := start(t, nil, "sidecar", "--app-id", "a", "--dapr-http-port", port, "--peer", "b="+hung.Addr().String(),
		"--discovery=false", "--dapr-graceful-shutdown-seconds", "3600")
	c.await(t, "dapr initialized")
	client, err := net.Dial("tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	defer client.Close()
	fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: a\r\ndapr-app-id: b\r\n\r\n")
	server, err := hung.Accept() // the request is in flight
	require.NoError(t, err)
	defer server.Close()
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	c.await(t, "Dapr is shutting down")
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	require.Equal(t, -1, c.code(t), "ended by the signal")
}

func freePortOf(t *testing.T) string {
	t.Helper()
	p, err := freePort()
	require.NoError(t, err)
	return fmt.Sprint(p)
}
