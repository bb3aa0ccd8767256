package harnesstest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness"
	"github.com/halfopen/halfopen/harness/env/container"
	"github.com/halfopen/halfopen/harness/harnesstest"
	"github.com/halfopen/halfopen/harness/oracle"
)

// The same services as in processes, in an image of their own.
func TestSomebodysOwnImages(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: runs real containers")
	}
	engine, err := container.Connect(t.Context())
	if err != nil {
		t.Skip("skipped: " + err.Error())
	}
	defer engine.Close()
	self, err := os.Executable()
	require.NoError(t, err)
	if err := container.Static(self, engine.Arch); err != nil {
		t.Skip("skipped: this test can't be put into an image: " + err.Error())
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("skipped: " + err.Error())
	}
	files := t.TempDir()
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(files, "service"), program, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(files, "Dockerfile"), []byte("FROM scratch\nCOPY service /service\nENTRYPOINT [\"/service\"]\n"), 0o644))
	image := fmt.Sprintf("halfopen-own-services:%d", os.Getpid())
	text, err := exec.Command(docker, "build", "-q", "-t", image, files).CombinedOutput()
	require.NoError(t, err, "%s", text)
	t.Cleanup(func() { exec.Command(docker, "rmi", "-f", image).Run() })

	dir := filepath.Join(t.TempDir(), "own")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for name, text := range map[string]string{"resiliency.yaml": ownSpec, "scenario.yaml": fmt.Sprintf(`name: own
why: services of somebody's own, in an image
resiliency: resiliency.yaml
services:
  stock: { image: %q, port: 8001, ready: /healthz, env: { OWN_PART: takes } }
  shop: { image: %q, env: { OWN_PART: sends }, sends: { to: stock, every: 200ms, id: $.order.id } }
timeline:
  - wait: { orders: 3 }
  - fault: { stop: stock, for: 2s }
  - wait: { recovered: shop }
  - wait: { orders: 3 }
expect:
  logs:
    - { service: stock, match: '^ended in good order$', times: 1 }
    - { service: stock, match: '^Order received : \{"order":\{"id":"order-103"\}\}$', times: 1 }
    - { service: shop, match: '^Order passed: 103 200 OK$', times: 1 }
`, image, image)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	run, err := harness.Play(t.Context(), harness.Options{Scenario: dir, Binary: harnesstest.Binary(t), Reports: t.TempDir()})
	require.NoError(t, err)
	kept(t, run)
}

// kept sees that a run of these services shows what services can be asked for. Of times a busy machine may leave
// something unknown.
func kept(t *testing.T, run *harness.Run) {
	t.Helper()
	require.NotEqual(t, oracle.Fail, run.Verdict.Outcome, harnesstest.Story(run))
	for _, r := range run.Verdict.Results {
		switch r.Check {
		case "expect-logs", "orders-lost", "orders-duplicated", "orders-reordered", "attempts-belong", "fault-effective":
			require.Equal(t, oracle.Pass, r.Outcome, "%s: %s\n%s", r.Check, r.Why, harnesstest.Story(run))
			require.NotZero(t, r.Examined, r.Check)
		}
	}
}
