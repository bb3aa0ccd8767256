// Package shop tests the shop's resiliency spec against its services.
package shop

import (
	"os"
	"testing"
	"time"

	"github.com/halfopen/halfopen/harness/harnesstest"
)

func TestMain(m *testing.M) { os.Exit(harnesstest.Main(m)) }

// All that the spec promises is judged by itself; what it doesn't say may be asked of the figures.
func TestReservationsOutliveAnOutageOfStock(t *testing.T) {
	run := harnesstest.Run(t, "scenarios/stop-stock")
	figures := run.Verdict.Figures
	if figures.Retries == 0 {
		t.Errorf("stock was away, and nothing was retried")
	}
	if figures.Recovery == nil || *figures.Recovery > 10*time.Second {
		t.Errorf("the shop recovered %v after stock was back, want at most 10s", figures.Recovery)
	}
}
