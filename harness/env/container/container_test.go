package container_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halfopen/halfopen/harness/env/container"
	"github.com/halfopen/halfopen/harness/env/envtest"
)

func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("drives real containers")
	}
	engine, err := container.Connect(t.Context())
	if err != nil {
		t.Skip("skipped: " + err.Error())
	}
	defer engine.Close()
	envtest.Run(t, envtest.Environment{
		Start: container.Start,
		Left: func(t testing.TB, run string) []string {
			left, err := container.Left(context.WithoutCancel(t.Context()), run)
			require.NoError(t, err)
			return left
		},
	})
}

func TestAnEngineThatIsNotThereIsOneLine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent")
	_, err := container.Connect(t.Context())
	require.ErrorContains(t, err, "no container engine at DOCKER_HOST=unix:///nonexistent")
	require.NotContains(t, err.Error(), "\n")
}
