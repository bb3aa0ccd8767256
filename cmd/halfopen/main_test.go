package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
	empty := filepath.Join(t.TempDir(), "empty.log")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	begun := filepath.Join(t.TempDir(), "begun") // a run whose history has not begun
	require.NoError(t, os.CopyFS(begun, os.DirFS(filepath.Join(root(t), "reports", "example", "pass"))))
	require.NoError(t, os.WriteFile(filepath.Join(begun, "history.jsonl"), nil, 0o600))
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"a_run_without_history":         {[]string{"report", begun}, "read " + begun + ": the history is empty"},
		"runs_without_a_history":        {[]string{"report", "--format", "markdown", "reports/example/pass", begun}, "read " + begun + ": the history is empty"},
		"an_unknown_command":            {[]string{"runn"}, `unknown command "runn": did you mean halfopen run?`},
		"a_flag_of_an_unknown_command":  {[]string{"runn", "--env", "process"}, "did you mean halfopen run?"},
		"an_unknown_command_below":      {[]string{"baseline", "updat"}, "did you mean halfopen baseline update?"},
		"an_unknown_sidecar_command":    {[]string{"sidecar", "rum"}, "did you mean halfopen sidecar run?"},
		"help_for_an_unknown_command":   {[]string{"help", "runn"}, "did you mean halfopen run?"},
		"a_command_like_no_other":       {[]string{"frobnicate"}, `unknown command "frobnicate": halfopen --help lists those there are`},
		"an_unknown_flag":               {[]string{"run", "--evn", "process", "flapping"}, "unknown flag --evn: did you mean --env?"},
		"a_flag_with_one_dash":          {[]string{"run", "-env", "process", "flapping"}, "unknown flag -env: did you mean --env?"},
		"a_flag_of_the_command_above":   {[]string{"baseline", "show", "--basline", "x"}, "did you mean --baseline?"},
		"a_flag_like_no_other":          {[]string{"run", "--frobnicate"}, "unknown flag --frobnicate: halfopen run --help lists those there are"},
		"a_duration_without_unit":       {[]string{"try", "a.yaml", "--stop", "5"}, "--stop 5: want a duration such as 5s"},
		"a_duration_that_is_none":       {[]string{"run", "--timeout=soon", "flapping"}, "--timeout soon: want a duration such as 45s"},
		"a_number_in_letters":           {[]string{"run", "--repeat", "many", "flapping"}, "--repeat many: want a whole number such as 3"},
		"a_switch_that_may_be":          {[]string{"run", "--fail-fast=perhaps", "flapping"}, "--fail-fast perhaps: want true or false"},
		"a_flag_without_value":          {[]string{"run", "flapping", "--reports"}, "--reports: is the last word, and wants a folder behind it"},
		"a_schema_of_something":         {[]string{"schema", "flapping"}, `schema takes no arguments, and got "flapping"`},
		"a_baseline_shown_of_something": {[]string{"baseline", "show", "flapping"}, `baseline show takes no arguments, and got "flapping"`},
		"a_plan_of_nothing":             {[]string{"plan"}, "0 arguments: want halfopen plan SCENARIO"},
		"a_list_of_two":                 {[]string{"list", "a", "b"}, "2 arguments: want halfopen list [FOLDER]"},
		"no_scenario":                   {[]string{"run"}, "run what? name a scenario"},
		"a_missing_scenario":            {[]string{"run", "--reports", reports, "nowhere"}, "nowhere: can't be read: no such file or directory"},
		"a_bad_scenario":                {[]string{"run", "--reports", reports, "harness/testdata/bad/many-problems-at-once"}, "scenario.yaml:7:43: services.checkout.sends.to: no service"},
		"an_unknown_environment":        {[]string{"run", "--reports", reports, "--env", "moon", "nothing-happens"}, "want auto, container or process"},
		"a_missing_sidecar_spec":        {[]string{"run", "--reports", reports, "--sidecar-resiliency", "nowhere.yaml", "nothing-happens"}, "nowhere.yaml: can't be read: no such file or directory\n    hint: --sidecar-resiliency FILE"},
		"a_sidecar_spec_in_a_folder":    {[]string{"run", "--reports", reports, "--sidecar-resiliency", "docs", "nothing-happens"}, "docs: can't be read: it is a folder"},
		"a_sidecar_spec_not_YAML":       {[]string{"run", "--reports", reports, "--sidecar-resiliency", "harness/testdata/bad/not-yaml/scenario.yaml", "nothing-happens"}, "not-yaml/scenario.yaml:2: not YAML"},
		"a_sidecar_spec_for_many":       {[]string{"run", "--reports", reports, "--sidecar-resiliency", "README.md", "nothing-happens", "flapping"}, "README.md:"},
		"a_sidecar_spec_and_more":       {[]string{"run", "--reports", reports, "--sidecar-resiliency", "nowhere.yaml", "harness/testdata/bad/an-empty-file"}, "go on from\nnowhere.yaml: can't be read"},
		"a_run_that_is_none":            {[]string{"check", "scenarios"}, "scenarios: no run: no plan.json lies in it, or in a folder in it\n    hint: each run's folder lies below"},
		"a_forecast_of_nothing":         {[]string{"forecast", "nowhere.yaml", "--stop", "0s"}, "nowhere.yaml: can't be read"},
		"a_forecast_for_nobody":         {[]string{"forecast", "nowhere.yaml"}, "--target: is missing"},
		"a_forecast_out_of_scope":       {[]string{"forecast", "scenarios/stop-order-processor/resiliency.yaml", "--target", "b", "--caller", "a"}, "scopes: they leave the caller a out"},
		"a_forecast_as_pdf":             {[]string{"forecast", "a.yaml", "--target", "b", "--format", "pdf"}, `format "pdf": want text or json`},
		"nothing_to_explore":            {[]string{"explore"}, "explore wants one spec, got 0"},
		"an_edit_of_one_spec":           {[]string{"explore", "--compare", "a.yaml"}, "--compare wants two specs, got 1"},
		"an_exploration_of_nothing":     {[]string{"explore", "nowhere.yaml", "--target", "b"}, "nowhere.yaml: can't be read"},
		"an_exploration_for_nobody":     {[]string{"explore", "nowhere.yaml", "--cases", "0"}, "--cases: 0 cases"},
		"an_outage_without_a_unit":      {[]string{"explore", "nowhere.yaml", "--outage", "5..9"}, `--outage: "5..9" can't be read`},
		"an_outage_backwards":           {[]string{"explore", "nowhere.yaml", "--outage", "9s..5s"}, "--outage: 9s to 5s is no span from 1ms to 1h"},
		"too_many_callers":              {[]string{"explore", "nowhere.yaml", "--callers", "1..99"}, "--callers: 1 to 99 callers"},
		"a_ratio_above_one":             {[]string{"explore", "nowhere.yaml", "--ratio", "0.5..7"}, "--ratio: 0.5 to 7 is no share"},
		"an_app_in_capitals":            {[]string{"explore", "nowhere.yaml", "--target", "B: {"}, `--target: "B: {" is no app id`},
		"a_fault_not_swept":             {[]string{"explore", "nowhere.yaml", "--fault", "moon"}, `--fault: "moon" is none that is swept`},
		"a_try_of_nothing":              {[]string{"try"}, "try what? name a spec"},
		"a_try_of_two":                  {[]string{"try", "a.yaml", "b.yaml"}, "one spec at a time"},
		"a_try_of_no_spec":              {[]string{"try", "nowhere.yaml"}, "nowhere.yaml: can't be read"},
		"a_try_of_a_bad_spec":           {[]string{"try", "scenarios/spec-that-does-not-load/resiliency.yaml"}, "resiliency.yaml:10:44: spec.policies.retries.again.duration"},
		"a_try_for_no_time":             {[]string{"try", "a.yaml", "--stop", "0s"}, "--stop 0s: want more than no time"},
		"a_try_out_of_scope":            {[]string{"try", "scenarios/only-the-scoped-app/resiliency.yaml"}, "scopes: they leave the caller checkout out, so none of it applies\n    hint: --caller billing"},
		"a_try_of_several_targets":      {[]string{"try", "cmd/halfopen/testdata/two-targets.yaml"}, "--target: is missing: the spec names payments, stock\n    hint: one of them: --target payments"},
		"a_try_in_capitals":             {[]string{"try", "cmd/halfopen/testdata/two-targets.yaml", "--target", "Stock"}, `--target: "Stock" is no app id`},
		"an_init_without_spec":          {[]string{"init", "--app-id", "payments"}, "--resiliency is missing"},
		"an_init_over_files":            {[]string{"init", "--resiliency", "scenarios/flapping/resiliency.yaml", "scenarios/flapping"}, "scenarios/flapping/scenario.yaml: is there already, and nothing is overwritten"},
		"an_init_of_a_bad_name":         {[]string{"init", "--resiliency", "scenarios/flapping/resiliency.yaml", "scenarios/Flapping"}, `"Flapping": want small letters`},
		"a_repeat_of_none":              {[]string{"run", "--repeat", "0", "flapping"}, "--repeat 0: want one at least"},
		"none_at_once":                  {[]string{"run", "--parallel", "0", "flapping"}, "--parallel 0: want one at least (leave it out"},
		"a_shard_that_is_none":          {[]string{"run", "--shard", "5/4", "flapping"}, `--shard "5/4": want i/n with i from 1 to n`},
		"a_shard_without_a_run":         {[]string{"run", "--shard", "3/3", "flapping", "nothing-happens"}, "--shard 3/3: nothing is left for it of 2 runs"},
		"a_bad_one_among_many":          {[]string{"run", "flapping", "harness/testdata/bad/an-empty-file"}, "an-empty-file/scenario.yaml: the file is empty"},
		"an_explanation_of_no_run":      {[]string{"explain", "scenarios"}, "scenarios: no run"},
		"an_unknown_format":             {[]string{"report", "--format", "pdf", "scenarios"}, `format "pdf": want terminal, html`},
		"a_report_of_nothing":           {[]string{"report"}, "report what? name a run's folder"},
		"a_report_of_no_run":            {[]string{"report", "scenarios"}, "scenarios: no run"},
		"an_index_of_nothing":           {[]string{"report", "--index", "scenarios"}, "no run with a verdict lies below scenarios"},
		"an_index_and_a_run":            {[]string{"report", "--index", "reports", "run"}, "takes all runs of the folder"},
		"two_runs_as_html":              {[]string{"report", "--format", "html", "reports/example"}, "2 runs as html: one at a time"},
		"an_unknown_fail_on":            {[]string{"run", "--fail-on", "always", "nothing-happens"}, `--fail-on "always": want broken, unknown`},
		"no_folder_for_reports":         {[]string{"run", "--env", "process", "--reports", "go.mod/x", "nothing-happens"}, "go.mod: not a directory"},
		"no_folder_for_many":            {[]string{"run", "--env", "process", "--repeat", "2", "--reports", "go.mod/x", "nothing-happens"}, "make the folder of reports: mkdir go.mod: not a directory"},
		"a_missing_baseline":            {[]string{"run", "--reports", reports, "--baseline", "nowhere.json", "nothing-happens"}, "nowhere.json: can't be read: no such file or directory\n    hint: halfopen baseline update"},
		"a_baseline_that_is_none":       {[]string{"run", "--reports", reports, "--baseline", "go.mod", "nothing-happens"}, "go.mod:1: not a baseline"},
		"a_baseline_to_show":            {[]string{"baseline", "show", "--baseline", "nowhere.json"}, "nowhere.json: can't be read"},
		"nothing_to_accept":             {[]string{"baseline", "update"}, "update what? name the runs to accept"},
		"no_run_to_accept":              {[]string{"baseline", "update", "--baseline", filepath.Join(reports, "b.json"), "scenarios"}, "scenarios: no run"},
		"an_explanation_of_two":         {[]string{"explain", "reports/example"}, "explain one run at a time, not 2"},
		"a_run_that_is_nowhere":         {[]string{"check", "nowhere"}, "nowhere: can't be read: no such file or directory\n    hint: each run's folder lies below"},
		"never_again":                   {[]string{"run", "--again", "0", "--baseline", "go.mod", "nothing-happens"}, "--again 0: want 1 or more runs"},
		"nothing_to_check":              {[]string{"check"}, "check what? name a run's folder, --logs FILE or --timeline FILE"},
		"a_missing_log":                 {[]string{"check", "--logs", "nowhere.log"}, "nowhere.log: can't be read: no such file or directory\n    hint: --logs FILE"},
		"a_missing_timeline":            {[]string{"check", "--timeline", "nowhere.log"}, "nowhere.log: can't be read: no such file"},
		"a_timeline_that_is_none":       {[]string{"check", "--timeline", "go.mod"}, "go.mod:1: not an event"},
		"a_timeline_once":               {[]string{"check", "--timeline", "go.mod"}, "not an event, and neither are the lines behind it: is this a timeline?\n    hint: seconds"},
		"two_logs_and_a_spec":           {[]string{"check", "--logs", "nowhere.log", "--logs", "docs", "elsewhere.log", "--resiliency", "nowhere.yaml"}, "docs: can't be read: it is a folder\n    hint: --logs FILE: what a sidecar printed, by kubectl logs or dapr run\nelsewhere.log: can't be read: no such file or directory\n    hint: --logs FILE: what a sidecar printed, by kubectl logs or dapr run\nnowhere.log: can't be read: no such file or directory\n    hint: --logs FILE: what a sidecar printed, by kubectl logs or dapr run\nnowhere.yaml: can't be read: no such file or directory"},
		"an_empty_log":                  {[]string{"check", "--logs", empty}, "empty.log: the log is empty\n    hint: did the sidecar run?"},
		"an_empty_log_and_a_folder":     {[]string{"check", "--logs", empty, "docs"}, "docs: can't be read: it is a folder"},
		"a_folder_of_timelines":         {[]string{"check", "--timeline", "docs"}, "docs: can't be read: it is a folder\n    hint: --timeline FILE"},
		"a_spec_that_is_prose":          {[]string{"check", "--logs", "go.mod", "--resiliency", "README.md"}, "README.md:4: not YAML"},
		"logs_of_no_name":               {[]string{"check", "--logs", "", "--caller", "", "--fail-on", "x"}, "command line: --caller: is empty\n    hint: --caller APP: an app id; leave it out for the quickstart's\ncommand line: --logs: names no file\n    hint: --logs FILE\ncommand line: --fail-on \"x\": want broken"},
		"flags_of_logs_for_a_run":       {[]string{"check", "--caller", "a", "--target", "b", "--resiliency", "c.yaml"}, "--caller: is for --logs and --timeline: a run has its own\n    hint: leave it out\ncommand line: --target: is for"},
		"flags_of_logs_and_no_run":      {[]string{"check", "--caller", "a", "nowhere"}, "nowhere: can't be read"},
		"logs_and_a_timeline":           {[]string{"check", "--logs", "a", "--timeline", "b"}, "one of them at a time"},
		"a_missing_spec":                {[]string{"check", "--logs", "go.mod", "--resiliency", "nowhere.yaml"}, "nowhere.yaml: can't be read"},
		"a_bad_spec":                    {[]string{"check", "--logs", "go.mod", "--resiliency", "sidecar/testdata/recordings/c12_badspec/resiliency.yaml"}, `resiliency.yaml:15:28: spec.policies.retries.myRetry.matching.httpStatusCodes: "11" is not within 100-599`},
		"a_spec_for_a_run":              {[]string{"check", "--resiliency", "a.yaml", "reports"}, "a run has its own"},
		"a_sidecar_without_id":          {[]string{"sidecar"}, "--app-id is missing"},
		"a_missing_resources_path":      {[]string{"sidecar", "--app-id", "a", "--resources-path", "nowhere"}, "--resources-path"},
		"an_app_that_speaks_grpc":       {[]string{"sidecar", "--app-id", "a", "--app-protocol", "grpc"}, "--app-protocol grpc: this sidecar speaks http"},
		"a_size_that_is_none":           {[]string{"sidecar", "--app-id", "a", "--max-body-size", "big"}, `--max-body-size "big": want a number of bytes`},
		"a_level_that_is_none":          {[]string{"sidecar", "--app-id", "a", "-log-level", "loud"}, `--log-level "loud": want debug`},
		"a_peer_that_is_no_address":     {[]string{"sidecar", "--app-id", "a", "--peer", "b"}, "want APP=HOST:PORT"},
		"an_edit_with_a_folder":         {[]string{"explore", "--compare", "a.yaml", "b.yaml", "--target", "b", "--out", "x"}, "explore --compare writes no files"},
		"no_folder_for_exploration":     {[]string{"explore", "scenarios/stop-order-processor/resiliency.yaml", "--target", "order-processor", "--out", "go.mod/x"}, "make the folder of what is explored: mkdir go.mod: not a directory"},
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

func TestTheSchemasArePrintedAndAnIndexIsWritten(t *testing.T) {
	for format, file := range map[string]string{"json-schema": "verdict", "history-schema": "history"} {
		t.Run(format, func(t *testing.T) {
			code, out, _ := command(t, "report", "--format", format)
			require.Equal(t, exitKept, code)
			published, err := os.ReadFile(filepath.Join("docs", file+".schema.json"))
			require.NoError(t, err)
			require.Equal(t, string(published), out)
		})
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "reports", "example"))))
	code, out, errs := command(t, "report", "--index", dir)
	require.Equal(t, exitKept, code, errs)
	require.Contains(t, out, "index.html")
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	require.NoError(t, err)
	require.Less(t, strings.Index(string(page), "./fail/report.html"), strings.Index(string(page), "./pass/report.html"))
}

func TestListAndPlanStartNothingAndTellAll(t *testing.T) {
	code, out, _ := command(t, "list")
	require.Equal(t, exitKept, code)
	require.Contains(t, out, "stop-order-processor")
	require.Contains(t, out, "no-spec-at-all")
}

func TestDoctorSaysWhatWillBeUsedAndWhy(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent")
	code, out, _ := command(t, "doctor")
	require.Equal(t, exitKept, code)
	require.Contains(t, out, "takes process: no container engine at DOCKER_HOST=unix:///nonexistent")
	require.Contains(t, out, "port 8474")
	require.Contains(t, out, "runs at once")
}

func TestDoctorSaysWhetherDaprdWouldDo(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent")
	path := filepath.Join(t.TempDir(), "daprd")
	for version, says := range map[string]string{
		"1.18.3": path + ", 1.18.3 (for --sidecar daprd)",
		"1.17.9": "--sidecar daprd would be refused: " + path + " is daprd 1.17.9, which lacks the name resolver nameformat",
		"":       "--sidecar daprd would be refused: no daprd: " + path + " --version tells none",
	} {
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho "+version+"\n"), 0o755))
		t.Setenv("HALFOPEN_DAPRD", path)
		code, out, _ := command(t, "doctor")
		require.Equal(t, exitKept, code)
		require.Contains(t, out, says)
	}
	t.Setenv("HALFOPEN_DAPRD", path+"-typo")
	_, out, _ := command(t, "doctor")
	require.Contains(t, out, "--sidecar daprd would be refused: no daprd: "+path+"-typo, which HALFOPEN_DAPRD names, is no program that can be run")
}

func TestAnInterruptionBeforeTheRunIsToldAsSuch(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.Canceled)
	var out, errs bytes.Buffer
	code := run(ctx, []string{"run", "--quiet", "--env", "container", "--reports", t.TempDir(), filepath.Join("..", "..", "scenarios", "nothing-happens")}, &out, &errs)
	require.Equal(t, exitUnknown, code)
	require.Contains(t, errs.String(), "halfopen: interrupted\n")
}
