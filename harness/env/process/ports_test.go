package process

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/env"
	"github.com/halfopen/halfopen/harness/history"
	"github.com/halfopen/halfopen/harness/scenario"
)

// An app listens where its scenario says, also on a port that the sidecar of a service before it would have taken.
func TestAnAppsPortIsNotTakenByASidecar(t *testing.T) {
	rec, err := history.NewRecorder(io.Discard, history.Header{Run: "ports"})
	require.NoError(t, err)
	h := newHost(env.Config{Run: "ports", Record: rec, Plan: scenario.Plan{Scenario: scenario.Scenario{Services: []scenario.Service{
		{Name: "checkout", App: "checkout"},
		{Name: "own", Command: []string{"own"}, Port: 3500},
		{Name: "fixed", Command: []string{"fixed"}, Port: 9090, Host: "127.0.0.2"},
	}}}})
	places, err := h.Prepare(t.Context())
	require.NoError(t, err)
	defer h.ground.release()
	if !h.ground.own {
		t.Skip("runs have no address of their own here")
	}
	require.Equal(t, 3500, places["own"].App)
	require.Equal(t, 9090, places["fixed"].App)
	require.NotEqual(t, 3500, places["checkout"].HTTP)
}
