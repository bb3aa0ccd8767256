package sidecar

import (
	"testing"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/sidecar/policy"
)

// A request's metrics must cost no allocation once its target's series are made.
func TestCountingARequestAllocatesNothing(t *testing.T) {
	r, err := policy.Decode([]byte("kind: Resiliency\nspec: { policies: { retries: { r: {} }, circuitBreakers: { b: {} } }, targets: { apps: { a: { retry: r, circuitBreaker: b } } } }\n"))
	require.NoError(t, err)
	p := policy.New()
	require.NoError(t, p.Add(r))
	m, target := newMetrics("caller"), p.For("a")
	require.Zero(t, testing.AllocsPerRun(100, func() { m.began(target, gobreaker.StateClosed) }))
}
