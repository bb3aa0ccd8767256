package harness_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/scenario"
)

// program writes a script that tells a version.
func program(t *testing.T, dir, version string) (path string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	path = filepath.Join(dir, "daprd")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\necho %s\n", version), 0o755))
	return path
}

// nowhere makes a machine without daprd.
func nowhere(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PATH", "/nonexistent")
	t.Setenv(harness.EnvDaprd, "")
	return home
}

func TestDaprdIsFoundInOrder(t *testing.T) {
	home := nowhere(t)
	binary, image := harness.FindDaprd("", scenario.Scenario{})
	require.Empty(t, binary)
	require.Equal(t, "daprio/daprd:1.18.3", image)

	byInit := program(t, filepath.Join(home, ".dapr", "bin"), "1.18.3")
	find := func(named string, s scenario.Scenario) string {
		binary, _ := harness.FindDaprd(named, s)
		return binary
	}
	require.Equal(t, byInit, find("", scenario.Scenario{}))
	onPath := program(t, t.TempDir(), "1.18.3")
	t.Setenv("PATH", filepath.Dir(onPath))
	require.Equal(t, onPath, find("", scenario.Scenario{}))
	byEnv := program(t, t.TempDir(), "1.18.3")
	t.Setenv(harness.EnvDaprd, byEnv)
	require.Equal(t, byEnv, find("", scenario.Scenario{}))
	folder := t.TempDir()
	own := program(t, filepath.Join(folder, "bin"), "1.18.3")
	s := scenario.Scenario{Dir: folder, Sidecar: scenario.Sidecar{Kind: scenario.Daprd, Binary: "bin/daprd"}}
	require.Equal(t, own, find("", s))
	require.Equal(t, onPath, find("daprd", s), "a name on PATH")

	binary, image = harness.FindDaprd("", scenario.Scenario{Sidecar: scenario.Sidecar{Image: "mine:1"}})
	require.Equal(t, []string{"", "mine:1"}, []string{binary, image})
	binary, image = harness.FindDaprd("", scenario.Scenario{Sidecar: scenario.Sidecar{Version: "1.17.2"}})
	require.Equal(t, []string{byEnv, "daprio/daprd:1.17.2"}, []string{binary, image})
	t.Setenv(harness.EnvDaprd, byEnv+"-typo")
	binary, image = harness.FindDaprd("", scenario.Scenario{})
	require.Equal(t, []string{"", ""}, []string{binary, image}, "what is named and not there gives way to nothing")
}

func TestWithoutItsDaprdARunIsRefused(t *testing.T) {
	const story = "name: story\nwhy: a story\n%sservices: { b: { app: order-processor }, a: { app: checkout, sends: { to: b } } }\ntimeline: [ wait: { orders: 1 } ]\n"
	for name, c := range map[string]struct {
		sidecar string
		options harness.Options
		version string // of the one in HALFOPEN_DAPRD
		says    string
	}{
		"none_at_all":              {options: harness.Options{Sidecar: "daprd"}, says: "no daprd: not in HALFOPEN_DAPRD, not on PATH, not in ~/.dapr/bin (get it with `dapr init --slim`"},
		"a_path_that_is_none":      {options: harness.Options{Daprd: "/nonexistent/daprd"}, says: "/nonexistent/daprd is no program that can be run"},
		"an_image_in_processes":    {options: harness.Options{Sidecar: "daprd", Daprd: "daprio/daprd:1.18.3"}, says: "daprio/daprd:1.18.3 is no program that can be run"},
		"the_scenario_names_none":  {sidecar: "sidecar: { kind: daprd, binary: ./daprd }\n", says: "./daprd, which the scenario names, is no program"},
		"another_version":          {sidecar: "sidecar: { kind: daprd, version: 1.17 }\n", version: "1.18.3", says: "the scenario wants daprd 1.17, and"},
		"it_tells_no_version":      {sidecar: "sidecar: daprd\n", version: "", says: "no daprd"},
		"mdns_in_processes":        {sidecar: "sidecar: { kind: daprd, nameResolution: mdns }\n", version: "1.18.3", says: "nameResolution: mdns needs --env container, not process: there daprd would announce itself"},
		"a_third_kind":             {options: harness.Options{Sidecar: "envoy"}, says: `sidecar "envoy": want builtin or daprd`},
		"daprd_beside_the_builtin": {options: harness.Options{Sidecar: "builtin", Daprd: "daprd"}, says: "--daprd daprd beside --sidecar builtin"},
	} {
		t.Run(name, func(t *testing.T) {
			nowhere(t)
			if c.version != "" {
				t.Setenv(harness.EnvDaprd, program(t, t.TempDir(), c.version))
			}
			dir := filepath.Join(t.TempDir(), "story")
			require.NoError(t, os.Mkdir(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "scenario.yaml"), fmt.Appendf(nil, story, c.sidecar), 0o644))
			o := c.options
			o.Scenario, o.Env, o.Reports = dir, "process", t.TempDir()
			run, err := harness.Play(t.Context(), o)
			require.Nil(t, run)
			require.ErrorAs(t, err, new(harness.NotStarted))
			require.ErrorContains(t, err, c.says)
			left, rerr := os.ReadDir(o.Reports)
			require.NoError(t, rerr)
			require.Empty(t, left, "nothing was started")
		})
	}
}
