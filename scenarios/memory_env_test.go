package scenarios

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/env/envtest"
	"github.com/halfopen/halfopen/harness/env/memory"
	"github.com/halfopen/halfopen/harness/scenario"
)

// What memory can't do is a golden list, so that it can't grow unseen.
var (
	faultsNotInMemory    = []string{"pause order-processor/app"}
	scenariosNotInMemory = []string{"pause-order-processor"}
)

func TestMemoryConforms(t *testing.T) {
	var mu sync.Mutex
	var skipped []string
	t.Run("conformance", func(t *testing.T) {
		envtest.Run(t, envtest.Environment{
			Start:  memory.New(honest),
			Left:   func(testing.TB, string) []string { return nil }, // a goroutine that is left blocks its bubble for ever
			Around: synctest.Test,
			Unsupported: func(f scenario.Fault) {
				mu.Lock()
				defer mu.Unlock()
				skipped = append(skipped, f.String())
			},
		})
	})
	require.ElementsMatch(t, faultsNotInMemory, skipped)
}
