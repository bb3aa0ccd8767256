package harness_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env"
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

// The rows of "How daprd is found" in docs/gate-your-dapr-app.md.
func TestDaprdIsFoundInOrder(t *testing.T) {
	const path, byInit, byEnv, own = "on PATH", "in ~/.dapr/bin", "in HALFOPEN_DAPRD", "of the scenario"
	everywhere := []string{path, byInit, byEnv, own}
	binary, image := scenario.Sidecar{Binary: "bin/daprd"}, scenario.Sidecar{Image: "mine:1"}
	older, minor := scenario.Sidecar{Version: "1.17.2"}, scenario.Sidecar{Version: "1.18"}
	for name, c := range map[string]struct {
		named   string
		sidecar scenario.Sidecar
		there   []string // where an executable is, which tells 1.18.3
		process string   // where the one is that is taken, or what the refusal says
		// in containers: where the one is that is taken, or its image, or what the refusal says
		container string
	}{
		"a_path_that_is_named_goes_first":          {path, image, everywhere, path, path},
		"and_before_an_executable_of_the_scenario": {path, binary, everywhere, path, path},
		"so_does_a_name_on_path":                   {"daprd", image, everywhere, path, path},
		"so_does_an_image":                         {"yours:2", image, everywhere, "yours:2 is no program", "yours:2"},
		"a_path_that_is_none_is_no_image":          {"./dapr", scenario.Sidecar{}, everywhere, "./dapr is no program", "./dapr is no program"},
		"the_scenarios_executable":                 {"", binary, everywhere, own, own},
		"is_not_replaced":                          {"", binary, []string{path, byInit, byEnv}, "bin/daprd, which the scenario names, is no program", "bin/daprd, which the scenario names, is no program"},
		"the_scenarios_image":                      {"", image, everywhere, byEnv, "mine:1"},
		"is_not_replaced_by_what_is_found":         {"", image, []string{path, byInit}, "mine:1, which the scenario names, is an image", "mine:1"},
		"the_environments_executable":              {"", scenario.Sidecar{}, everywhere, byEnv, byEnv},
		"goes_before_an_image_by_version":          {"", older, everywhere, byEnv, byEnv},
		"found_on_path":                            {"", scenario.Sidecar{}, []string{path, byInit}, path, path},
		"found_where_init_puts_it":                 {"", scenario.Sidecar{}, []string{byInit}, byInit, byInit},
		"found_of_the_version_that_is_wanted":      {"", minor, []string{path, byInit}, path, path},
		"found_of_another_version":                 {"", older, []string{path, byInit}, path, "daprio/daprd:1.17.2"},
		"none":                                     {"", scenario.Sidecar{}, nil, "not in HALFOPEN_DAPRD, not on PATH, not in ~/.dapr/bin", "daprio/daprd:1.18.3"},
		"none_of_a_minor_release":                  {"", minor, nil, "not in HALFOPEN_DAPRD", "daprio/daprd:1.18.3"},
		"none_of_another_one":                      {"", scenario.Sidecar{Version: "1.19"}, nil, "not in HALFOPEN_DAPRD", "daprio/daprd:1.19.0"},
		"none_of_a_version":                        {"", older, nil, "not in HALFOPEN_DAPRD, not on PATH, not in ~/.dapr/bin", "daprio/daprd:1.17.2"},
	} {
		for ground, want := range map[string]string{"process": c.process, "container": c.container} {
			t.Run(name+"/"+ground, func(t *testing.T) {
				home, folder := nowhere(t), t.TempDir()
				at := map[string]string{}
				for where, dir := range map[string]string{path: t.TempDir(), byInit: filepath.Join(home, ".dapr", "bin"), byEnv: t.TempDir(), own: filepath.Join(folder, "bin")} {
					if slices.Contains(c.there, where) {
						at[where] = program(t, dir, "1.18.3")
					}
				}
				t.Setenv("PATH", filepath.Dir(at[path]))
				t.Setenv(harness.EnvDaprd, at[byEnv])
				named := cmp.Or(at[c.named], c.named)
				d, err := harness.FindDaprd(t.Context(), named, scenario.Scenario{Dir: folder, Sidecar: c.sidecar}, ground)
				switch {
				case at[want] != "":
					require.NoError(t, err)
					require.Equal(t, env.Sidecar{Kind: scenario.Daprd, Version: "1.18.3", Binary: at[want]}, d)
				case strings.Contains(want, " "):
					require.ErrorIs(t, err, harness.ErrNoDaprd)
					require.ErrorContains(t, err, want)
				default:
					require.NoError(t, err)
					require.Equal(t, env.Sidecar{Kind: scenario.Daprd, Image: want}, d)
				}
			})
		}
	}
}

// What is named and not there gives way to nothing.
func TestATypoInTheEnvironmentIsToldAsSuch(t *testing.T) {
	nowhere(t)
	onPath := program(t, t.TempDir(), "1.18.3")
	t.Setenv("PATH", filepath.Dir(onPath))
	t.Setenv(harness.EnvDaprd, onPath+"-typo")
	for _, ground := range []string{"process", "container"} {
		_, err := harness.FindDaprd(t.Context(), "", scenario.Scenario{}, ground)
		require.ErrorContains(t, err, onPath+"-typo, which HALFOPEN_DAPRD names, is no program that can be run")
	}
}

func TestADaprdThatIsTooOldIsRefusedByName(t *testing.T) {
	require.EqualError(t, harness.TooOld(env.Sidecar{Binary: "/opt/daprd", Version: "1.17.9"}, scenario.Sidecar{}),
		"/opt/daprd is daprd 1.17.9, which lacks the name resolver nameformat (name one of 1.18.0 or later with --daprd: https://github.com/dapr/dapr/releases has them)")
	require.EqualError(t, harness.TooOld(env.Sidecar{Image: "daprio/daprd:1.13.6", Version: "1.13.6"}, scenario.Sidecar{NameResolution: scenario.MDNS}),
		"daprio/daprd:1.13.6 is daprd 1.13.6, which lacks --dapr-internal-grpc-listen-address and --metrics-listen-address (name one of 1.14.0 or later with --daprd: https://github.com/dapr/dapr/releases has them)")
	require.EqualError(t, harness.TooOld(env.Sidecar{Image: "daprio/daprd:1.18.3-stablecomponents", Version: "1.18.3"}, scenario.Sidecar{}),
		"daprio/daprd:1.18.3-stablecomponents is daprd 1.18.3, which lacks the name resolver nameformat, as all of its flavour do (name one of daprio/daprd:1.18.0 or later with --daprd: https://github.com/dapr/dapr/releases has them)")
	require.ErrorContains(t, harness.TooOld(env.Sidecar{Binary: "/opt/daprd", Version: "1.18.3-stablecomponents"}, scenario.Sidecar{}), "lacks the name resolver nameformat, as all")
	require.NoError(t, harness.TooOld(env.Sidecar{Image: "daprio/daprd:1.18.3-stablecomponents", Version: "1.18.3"}, scenario.Sidecar{NameResolution: scenario.MDNS}))
	require.NoError(t, harness.TooOld(env.Sidecar{Image: "daprio/daprd:1.14.0", Version: "1.14.0"}, scenario.Sidecar{NameResolution: scenario.MDNS}))
	require.NoError(t, harness.TooOld(env.Sidecar{Binary: "/opt/daprd", Version: "edge"}, scenario.Sidecar{}))
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
		"too_old":                  {sidecar: "sidecar: daprd\n", version: "1.17.9", says: "/daprd is daprd 1.17.9, which lacks the name resolver nameformat (name one of 1.18.0 or later with --daprd"},
		"too_old_as_it_is_wanted":  {sidecar: "sidecar: { kind: daprd, version: 1.12 }\n", version: "1.12.6-standin", says: "is daprd 1.12.6-standin, which lacks"},
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
