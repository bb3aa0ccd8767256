package policy

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// How long it takes is for make bench; how often it allocates is the same everywhere.
func TestACallThatSucceedsCostsFourAllocationsAtMost(t *testing.T) {
	e := NewEngine(&log{began: time.Now()}, nil)
	target := load(t, quickstart).For("order-processor")
	attempt := func(context.Context, int) (int, error) { return 200, nil }
	got := testing.AllocsPerRun(1000, func() { e.Do(context.Background(), target, "orders", false, attempt) })
	require.LessOrEqual(t, got, 4.0)
}
