package sidecar_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/sidecar"
)

// resource is a Resiliency resource by its name, scopes, policies and targets.
func resource(name, scopes, policies, targets string) string {
	return fmt.Sprintf("kind: Resiliency\nmetadata: { name: %s }\nscopes: [%s]\nspec:\n  policies: { %s }\n  targets: { %s }\n", name, scopes, policies, targets)
}

// Retries of a target that is down, by the attempts that reach it: the one thing that every rule of loading shows in.
func TestWhatIsLoadedAndWhatItIsFor(t *testing.T) {
	const quick, toTarget = "retries: { r: { duration: 1ms, maxRetries: 2 } }", "apps: { target: { retry: r } }"
	for name, c := range map[string]struct {
		files    []string
		app      string
		attempts int    // of a call that the app answers with 503
		proof    string // the resources that the metric names
		says     string // a line of the log
	}{
		"no_resource_means_one_attempt":                    {nil, "target", 1, "", ""},
		"a_named_target_has_its_policy":                    {[]string{resource("a", "", quick, toTarget)}, "target", 3, "a", "Loading Resiliency configuration: a"},
		"another_app_does_not":                             {[]string{resource("a", "", quick, toTarget)}, "plain", 1, "a", ""},
		"a_namespace_bypasses_the_target":                  {[]string{resource("a", "", quick, toTarget)}, "target.default", 1, "a", ""},
		"scopes_list_the_caller":                           {[]string{resource("a", "caller", quick, toTarget)}, "target", 3, "a", ""},
		"scopes_that_list_only_the_callee_leave_it_out":    {[]string{resource("a", "target", quick, toTarget)}, "target", 1, "", ""},
		"a_policy_that_is_not_there_is_silently_lacking":   {[]string{resource("a", "", quick, "apps: { target: { retry: none, timeout: none } }")}, "target", 1, "a", ""},
		"a_default_policy_is_for_all_other_apps":           {[]string{resource("a", "", strings.Replace(quick, "r:", "DefaultRetryPolicy:", 1), "")}, "plain", 3, "a", ""},
		"the_default_of_apps_goes_first":                   {[]string{resource("a", "", "retries: { DefaultRetryPolicy: { maxRetries: 0 }, DefaultAppRetryPolicy: { duration: 1ms, maxRetries: 2 } }", "")}, "plain", 3, "a", ""},
		"a_named_target_wins_whole":                        {[]string{resource("a", "", strings.Replace(quick, "r:", "DefaultRetryPolicy:", 1), "apps: { target: {} }")}, "target", 1, "a", ""},
		"the_second_resource_adds_to_the_first":            {[]string{resource("a", "", quick, ""), resource("b", "", "", toTarget)}, "target", 3, "ab", ""},
		"only_the_first_document_of_a_file_counts":         {[]string{resource("a", "", quick, "") + "---\n" + resource("b", "", "", toTarget)}, "target", 1, "a", ""},
		"another_kind_is_passed_over":                      {[]string{strings.Replace(resource("a", "", quick, toTarget), "Resiliency", "Component", 1)}, "target", 1, "", ""},
		"a_wrong_apiVersion_is_not_noticed":                {[]string{"apiVersion: v9\n" + resource("a", "", quick, toTarget)}, "target", 3, "a", ""},
		"fields_may_be_of_any_case":                        {[]string{resource("a", "", strings.Replace(quick, "maxRetries", "maxretries", 1), toTarget)}, "target", 3, "a", ""},
		"a_bad_policy_leaves_the_targets_unapplied":        {[]string{resource("a", "", quick+", circuitBreakers: { b: { timeout: soon } }", toTarget)}, "target", 1, "", "Could not read resiliency policy a: "},
		"and_is_said_after_loading_which_proves_nothing":   {[]string{resource("a", "", quick+", timeouts: { b: soon }", toTarget)}, "target", 1, "", "Loading Resiliency configuration: a"},
		"a_bad_actor_leaves_the_apps_applied":              {[]string{resource("a", "", quick, toTarget+", actors: { t: { circuitBreaker: b } }")}, "target", 3, "", "Could not read resiliency policy a: actor circuit breakers must include scope"},
		"a_wrong_type_is_another_line":                     {[]string{resource("a", "", "retries: [r]", toTarget)}, "target", 1, "", "Could not parse resiliency file 0.yaml: "},
		"one_that_does_not_load_does_not_keep_others_away": {[]string{resource("a", "", "timeouts: { t: soon }", ""), resource("b", "", quick, toTarget)}, "target", 3, "b", ""},
		"what_is_not_run_is_said":                          {[]string{resource("a", "", quick, toTarget+", actors: { t: {} }, components: { c: {} }")}, "target", 3, "a", "Resiliency targets of kind actors, components are read, and have no effect in this sidecar"},
		"an_override_that_is_too_low_is_said":              {[]string{resource("a", "", "retries: { DaprBuiltInServiceRetries: { maxRetries: 1 } }", "")}, "target", 1, "a", "Attempted override of DaprBuiltInServiceRetries did not meet minimum retry count, resetting to 3."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := make(chan struct{}, 99)
			callee := start(t, sidecar.Config{AppID: "target", AppPort: newApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n <- struct{}{}
				w.WriteHeader(http.StatusServiceUnavailable)
			}))})
			config := sidecar.Config{AppID: "caller", MetricsPort: freePort(t), Peers: map[string]string{"target": callee.Internal, "plain": callee.Internal}}
			for i, f := range c.files {
				config.Resources = append(config.Resources, sidecar.File{Name: fmt.Sprintf("%d.yaml", i), Data: []byte(f)})
			}
			caller := start(t, config)
			resp, _ := call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", c.app)
			require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "the app's own status, after the last attempt")
			require.Len(t, n, c.attempts)
			var proof string
			for _, series := range metrics(t, caller, "dapr_resiliency_loaded") {
				_, rest, _ := strings.Cut(series, `name="`)
				proof += rest[:1]
			}
			require.Equal(t, c.proof, proof)
			require.Contains(t, caller.log.String(), c.says)
		})
	}
}

func TestLinesInThreeFormatsAndTwoWordings(t *testing.T) {
	for name, c := range map[string]struct {
		log  sidecar.LogOptions
		want []string
	}{
		"the_page_on_a_terminal": {sidecar.LogOptions{Terminal: true}, []string{
			"\x1b[36mINFO\x1b[0m[00", "] Error processing operation endpoint[target, target:orders]. Retrying... \n",
			"] Circuit breaker \"target:orders\" changed state from closed to open \n",
		}},
		"daprd_on_a_terminal": {sidecar.LogOptions{Terminal: true, Daprd: true}, []string{
			"\x1b[33mWARN\x1b[0m[00", "] Error processing operation endpoint[target, target:orders]. Retrying in 10ms… \n",
		}},
		"the_page_in_a_file": {sidecar.LogOptions{Version: "1.2.3"}, []string{
			`level=info msg="Starting Dapr Runtime -- version 1.2.3" app_id=caller instance=`, "scope=dapr.runtime type=log ver=1.2.3\n",
			`level=info msg="Error processing operation endpoint[target, target:orders]. Retrying..." app_id=caller`,
			`level=info msg="Circuit breaker \"target:orders\" changed state from closed to open" app_id=caller`,
		}},
		"daprd_in_a_file": {sidecar.LogOptions{Daprd: true}, []string{
			`level=warning msg="Error processing operation endpoint[target, target:orders]. Retrying in 10ms…" app_id=caller`,
			`level=warning msg="Error processing operation DaprBuiltInServiceRetries. Retrying in 1s…" app_id=caller`,
		}},
		"daprd_in_JSON": {sidecar.LogOptions{Daprd: true, JSON: true, Version: "1.2.3"}, []string{
			`"level":"warning","msg":"Error processing operation endpoint[target, target:orders]. Retrying in 10ms…","scope":"dapr.runtime","time":"`, `"type":"log","ver":"1.2.3"}`,
		}},
		"the_page_in_JSON": {sidecar.LogOptions{JSON: true}, []string{
			`"level":"info","msg":"Error processing operation DaprBuiltInServiceRetries. Retrying...","scope":"dapr.runtime"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller := start(t, sidecar.Config{
				AppID: "caller", Log: c.log, Peers: map[string]string{"target": "127.0.0.1:1"},
				Resources: []sidecar.File{{Name: "fast.yaml", Data: []byte(fast)}},
			})
			for _, app := range []string{"target", "bare"} {
				call(t, "POST", "http://"+caller.HTTP+"/orders", "x", "dapr-app-id", app)
			}
			for _, want := range c.want {
				require.Contains(t, caller.log.String(), want)
			}
		})
	}
}

func TestARequestThatOutlastsTheGraceIsCutAndTheSidecarEnds(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	callee := start(t, sidecar.Config{AppID: "target", AppPort: newApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
	}))})
	t.Cleanup(func() { close(release) })
	caller := start(t, sidecar.Config{AppID: "caller", Grace: time.Millisecond, Peers: map[string]string{"plain": callee.Internal}})
	ended := make(chan string)
	go func() {
		ended <- raw(t, caller.HTTP, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\ndapr-app-id: plain\r\n\r\n")
	}()
	<-arrived
	caller.stop()
	require.Empty(t, <-ended)
	require.ErrorIs(t, <-caller.ended, sidecar.ErrForced)
	caller.ended <- nil
	require.Contains(t, caller.log.String(), "Graceful shutdown timeout exceeded, forcing shutdown")
}
